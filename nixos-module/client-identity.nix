# The client's SSH identity: where the private key comes from, which connections use it, and Nix's
# build machines, which are reached the same way.
{
  config,
  lib,
  options,
  ...
}:
let
  fleet = config.services.buildfleet;
  cfg = fleet.client;
  inherit (cfg) identity;
  inherit (import ./client-lib.nix { inherit config lib; })
    credential
    credentialUnits
    directoriesTo
    escapePercent
    fromCopy
    fromSops
    identitySource
    nixNodes
    sshNodes
    static
    ;

  addresses = map (n: n.address) sshNodes;

  # --- ssh_config -------------------------------------------------------------------------------

  # Only a unit's name can hold a backslash.
  sshConfigPath = path: ''"${builtins.replaceStrings [ "\\" ] [ "\\\\" ] (escapePercent path)}"'';

  sshMatch =
    {
      hosts,
      condition,
      key,
      extra ? [ ],
    }:
    let
      names = lib.concatStringsSep "," hosts;
    in
    lib.concatStringsSep "\n" (
      [
        "Match originalhost ${names} user ${cfg.account} ${condition}"
        "  IdentityFile ${sshConfigPath key}"
        "  IdentitiesOnly yes"
        "  BatchMode yes"
        "  ConnectTimeout 5"
        "  ServerAliveInterval 15"
        "  StrictHostKeyChecking yes"
        "  UserKnownHostsFile none"
      ]
      ++ map (line: "  ${line}") extra
    );

  # docker and buildctl give ssh no identity, and ssh takes `~` from the passwd entry, which is `/`
  # for a dynamic user. So the system-wide file chooses, by host, account and local user.
  staticBlocks = [
    (sshMatch {
      hosts = addresses;
      condition = "localuser ${cfg.user}";
      # Where ssh reads it; sops-nix may leave it at a place of its own.
      key = if identity.path != null then identity.path else identitySource;
    })
  ];

  # A dynamic user's name may be anything, but only it and root can read its unit's credential.
  # `?` stands for the backslash of an escaped unit name: sh takes it as a pattern, and versions of
  # OpenSSH disagree about backslashes in `exec`.
  dynamicBlock =
    unit:
    let
      pattern = builtins.replaceStrings [ "\\" ] [ "?" ] (escapePercent unit);
    in
    sshMatch {
      hosts = addresses;
      condition = ''!localuser root exec "test -r /run/credentials/${pattern}/${credential}"'';
      key = "/run/credentials/${unit}/${credential}";
    };

  # The Nix daemon runs ssh as root. Nix's list of machines has no place for a port.
  nixBlock =
    node:
    sshMatch {
      hosts = [ node.address ];
      condition = "localuser root";
      key = cfg.nixBuildMachines.sshKey;
      extra = lib.optional (node.port != 22) "Port ${toString node.port}";
    };

  sshBlocks =
    lib.optionals (identity != null && sshNodes != [ ]) (
      if static then staticBlocks else map dynamicBlock credentialUnits
    )
    ++ lib.optionals cfg.nixBuildMachines.enable (map nixBlock nixNodes);

  # --- a rotated key ----------------------------------------------------------------------------

  # sops-nix restarts units itself. Otherwise a path unit sees the new key: a static user's copy is
  # made again, a dynamic user's units load the credential again. With neither, ssh reads the file.
  watchesKey = identity != null && !fromSops && (cfg.dynamicUser || fromCopy);
  restartedUnits = lib.unique (identity.restartUnits ++ lib.optionals cfg.dynamicUser cfg.units);
  refreshKey =
    lib.optionalString (static && fromCopy) ''
      systemd-tmpfiles --create --remove --prefix=${lib.escapeShellArg identity.path}
    ''
    + lib.optionalString (restartedUnits != [ ]) ''
      systemctl try-restart --no-block -- ${lib.escapeShellArgs restartedUnits}
    '';

  # --- a static user's copy ---------------------------------------------------------------------

  tmpfiles =
    directoriesTo (builtins.dirOf identity.path)
    // lib.optionalAttrs fromCopy {
      # `C` never replaces a file, so a rotated key arrives only if `r` clears the way.
      ${escapePercent identity.path} = {
        r = { };
        C = {
          inherit (identity) group mode;
          user = identity.owner;
          argument = escapePercent identity.copyFrom;
        };
      };
    };
in
{
  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      {
        # The last line ends the last block, which would take in what other modules add.
        programs.ssh.extraConfig = lib.mkIf (sshBlocks != [ ]) (
          lib.concatStringsSep "\n" (sshBlocks ++ [ "Match all" ])
        );

        systemd.tmpfiles.settings = lib.mkIf (
          static && (fromSops || fromCopy) && identity.path != null
        ) { "10-buildfleet" = tmpfiles; };

        systemd.services = lib.mkIf watchesKey {
          buildfleet-identity = {
            description = "Bring a changed builder key to its users";
            serviceConfig.Type = "oneshot";
            script = refreshKey;
          };
        };
        systemd.paths = lib.mkIf watchesKey {
          buildfleet-identity = {
            description = "Watch the builder key";
            wantedBy = [ "multi-user.target" ];
            pathConfig.PathChanged = escapePercent identitySource;
          };
        };

        nix = lib.mkIf cfg.nixBuildMachines.enable {
          distributedBuilds = lib.mkDefault true;
          settings.builders-use-substitutes = lib.mkDefault true;
          buildMachines = map (node: {
            hostName = node.address;
            sshUser = cfg.account;
            inherit (cfg.nixBuildMachines) sshKey protocol;
            inherit (node.nix)
              systems
              maxJobs
              speedFactor
              supportedFeatures
              mandatoryFeatures
              publicHostKey
              ;
          }) nixNodes;
        };
      }

      # Without sops-nix the option does not exist, and may not even be mentioned.
      (lib.optionalAttrs (options ? sops) {
        sops.secrets = lib.mkIf fromSops {
          ${identity.sops.secret} = {
            inherit (identity.sops) key;
            sopsFile = lib.mkIf (identity.sops.file != null) identity.sops.file;
            restartUnits = lib.unique (
              identity.restartUnits ++ lib.optionals cfg.dynamicUser credentialUnits
            );
            # A dynamic user cannot own it; root's copy is what the units load.
            owner = lib.mkIf static identity.owner;
            group = lib.mkIf static identity.group;
            mode = if static then identity.mode else "0400";
            path = lib.mkIf (static && identity.path != null) identity.path;
          };
        };
      })
    ]
  );
}
