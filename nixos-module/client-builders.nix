# The client's buildx builders: their instance files, the services that choose nodes, and what the
# units that run builds need.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  fleet = config.services.buildfleet;
  cfg = fleet.client;
  inherit (import ./client-lib.nix { inherit config lib; })
    builderNames
    builders
    convergeName
    convergeService
    converging
    credential
    declarative
    directoriesTo
    escapePercent
    hasLocalNode
    identitySource
    nodes
    static
    usesDocker
    ;

  # A local node is reached through its socket, which belongs to a group.
  daemonOf = name: if usesDocker name then "docker.service" else "buildkitd.service";
  daemonsFor = names: lib.unique (map daemonOf (lib.filter hasLocalNode names));
  socketGroup = name: if usesDocker name then "docker" else fleet.buildkitd.group;
  groupsFor =
    names: lib.unique (map socketGroup (lib.filter hasLocalNode names) ++ cfg.extraGroups);

  # --- programs ---------------------------------------------------------------------------------

  converge = "${
    pkgs.writeScriptBin "buildx-converge" (
      builtins.replaceStrings [ "#!/bin/sh" ] [ "#!${pkgs.runtimeShell}" ] (
        builtins.readFile ./buildx-converge.sh
      )
    )
  }/bin/buildx-converge";

  instances = "${escapePercent cfg.buildxConfig}/instances";

  # Links the declarative instances from inside a unit. `ln` replaces a link by rename, so that a
  # build never misses its builder.
  linkInstances = [
    ''${pkgs.coreutils}/bin/mkdir -p "${instances}"''
  ]
  ++ map (
    name:
    ''${pkgs.coreutils}/bin/ln -sfT /etc/buildfleet/instances/${name} "${instances}/${name}"''
  ) declarative;

  clientPath = [
    config.programs.ssh.package
    fleet.buildkitd.package
    cfg.dockerPackage
  ];

  # What makes a unit run as the client: the same for the runners and for the converge services.
  dynamicUnit = {
    DynamicUser = true;
    User = cfg.user;
    StateDirectory = [ cfg.stateDirectory ];
    LoadCredential = lib.optional (
      cfg.identity != null
    ) "${credential}:${escapePercent identitySource}";
  };

  # --- units ------------------------------------------------------------------------------------

  # A static user's directories are made at boot by the first, at a switch by the second.
  afterDirectories = [
    "systemd-tmpfiles-setup.service"
    "systemd-tmpfiles-resetup.service"
  ];

  clientEnvironment = lib.mapAttrs (_: value: lib.mkDefault (escapePercent value)) (
    {
      HOME = cfg.home;
      DOCKER_CONFIG = "${cfg.home}/.docker";
      BUILDX_CONFIG = cfg.buildxConfig;
    }
    // lib.optionalAttrs (cfg.tls != null) {
      BUILDFLEET_TLS_CA = cfg.tls.ca;
      BUILDFLEET_TLS_CERT = cfg.tls.cert;
      BUILDFLEET_TLS_KEY = cfg.tls.key;
    }
  );

  # What the units that keep buildx's state share.
  clientService = {
    # Not RemainAfterExit: they are started again and again.
    Type = "oneshot";
    # The service manager's "Starting" and "Finished" are of level info; without them the log
    # holds decisions only.
    SyslogLevel = lib.mkDefault "notice";
    LogLevelMax = lib.mkDefault "notice";
    NoNewPrivileges = lib.mkDefault true;
    PrivateTmp = lib.mkDefault true;
  }
  // lib.optionalAttrs static {
    User = cfg.user;
    Group = cfg.group;
    ProtectSystem = lib.mkDefault "full";
  };

  convergeUnit =
    builder:
    let
      daemons = daemonsFor [ builder ];
    in
    {
      description = "Choose the nodes of the buildx builder ${builder}";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ] ++ daemons;
      after = [ "network-online.target" ] ++ afterDirectories ++ daemons;
      before = cfg.units;
      path = clientPath ++ [ pkgs.util-linux ];
      environment = clientEnvironment;
      serviceConfig = lib.mkMerge [
        clientService
        {
          ExecStart = "${converge} /etc/buildfleet ${fleet.host} ${builder}";
          # The runners wait for it, so it may not hang.
          TimeoutStartSec = lib.mkDefault cfg.builders.${builder}.timeout;
          # 1 says that no node of some platform answers. It is in the log; as a failure of the unit
          # it would fail every deployment to this host while a node elsewhere is down.
          SuccessExitStatus = lib.mkDefault "1";
          SupplementaryGroups = groupsFor [ builder ];
        }
        (lib.mkIf cfg.dynamicUser dynamicUnit)
      ];
    };

  # Takes away the builders that have left the inventory, of those that were written here.
  pruneUnit = {
    description = "Remove the buildx builders that have left the inventory";
    wantedBy = [ "multi-user.target" ];
    after = afterDirectories;
    before = cfg.units;
    path = clientPath ++ [ pkgs.util-linux ];
    environment = clientEnvironment;
    serviceConfig = lib.mkMerge [
      clientService
      {
        ExecStart = lib.concatStringsSep " " ([ "${converge} -p" ] ++ builderNames);
        TimeoutStartSec = lib.mkDefault "90s";
      }
      (lib.mkIf cfg.dynamicUser (removeAttrs dynamicUnit [ "LoadCredential" ]))
    ];
  };

  convergeTimer = builder: {
    description = "Probe the nodes of the buildx builder ${builder}";
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnActiveSec = cfg.builders.${builder}.interval;
      OnUnitInactiveSec = cfg.builders.${builder}.interval;
      AccuracySec = "1s";
    };
  };

  # The converge services wait for local daemons; a builder without one has nothing else that would.
  runnerUnit = {
    wants = map convergeService converging ++ daemonsFor declarative;
    after = map convergeService converging ++ daemonsFor declarative;
    path = clientPath;
    environment = {
      BUILDX_CONFIG = lib.mkDefault (escapePercent cfg.buildxConfig);
    }
    // lib.optionalAttrs (cfg.defaultBuilder != null) {
      BUILDX_BUILDER = lib.mkDefault cfg.defaultBuilder;
    };
    serviceConfig = lib.mkMerge [
      { SupplementaryGroups = groupsFor builderNames; }
      (lib.mkIf cfg.dynamicUser dynamicUnit)
      (lib.mkIf (cfg.dynamicUser && declarative != [ ]) { ExecStartPre = linkInstances; })
    ];
  };

  # --- /etc/buildfleet --------------------------------------------------------------------------

  # The tree that `buildx-converge` reads, and the instances that need no choice.
  etcFile = path: source: lib.nameValuePair "buildfleet/${path}" { inherit source; };
  etcOfBuilder = name: etcFile "builders/${name}/nodes.tsv" fleet.builders.${name}.nodesFile;
  etcOfInstance = name: etcFile "instances/${name}" builders.${name}.instance;
  etcOfNode =
    node:
    let
      file = "hosts/${node.host}/buildkitd.container";
    in
    lib.optional (node.containerConfig != null) (etcFile "${file}.toml" node.containerConfig)
    ++ lib.optional (node.containerFiles != null) (etcFile "${file}.files" node.containerFiles);
  etc = lib.listToAttrs (
    map etcOfBuilder builderNames ++ map etcOfInstance declarative ++ lib.concatMap etcOfNode nodes
  );

  instanceLink =
    name:
    lib.nameValuePair "${instances}/${name}" {
      "L+" = {
        inherit (cfg) user group;
        argument = "/etc/buildfleet/instances/${name}";
      };
    };

  # --- login shells -----------------------------------------------------------------------------

  # NixOS has no environment of a single user; all login shells read this once.
  loginVariables =
    lib.optionalAttrs (cfg.defaultBuilder != null) { BUILDX_BUILDER = cfg.defaultBuilder; }
    // lib.optionalAttrs (cfg.buildxConfig != "${cfg.home}/.docker/buildx") {
      BUILDX_CONFIG = cfg.buildxConfig;
    };
  export = name: value: "  export ${name}=${lib.escapeShellArg value}";
  loginInit = ''
    if [ "''${USER-}" = ${lib.escapeShellArg cfg.user} ]; then
    ${lib.concatStringsSep "\n" (lib.mapAttrsToList export loginVariables)}
    fi
  '';
in
{
  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      {
        environment.etc = etc;

        systemd.services = lib.mkMerge [
          (lib.genAttrs (map (lib.removeSuffix ".service") cfg.units) (_: runnerUnit))
          (lib.listToAttrs (
            map (name: lib.nameValuePair (convergeName name) (convergeUnit name)) converging
          ))
          { buildfleet-prune = pruneUnit; }
        ];
        systemd.timers = lib.listToAttrs (
          map (name: lib.nameValuePair (convergeName name) (convergeTimer name)) converging
        );
      }

      (lib.mkIf static {
        systemd.tmpfiles.settings."10-buildfleet" =
          directoriesTo "${cfg.buildxConfig}/instances"
          // lib.listToAttrs (map instanceLink declarative);
        users.users = lib.mkIf (groupsFor builderNames != [ ]) {
          ${cfg.user}.extraGroups = groupsFor builderNames;
        };
        environment.extraInit = lib.mkIf (loginVariables != { }) loginInit;
      })
    ]
  );
}
