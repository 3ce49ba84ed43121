# A user who starts builds: the options, and what must hold for them to work. What is done about
# them is in client-builders.nix (the buildx builders and the units that use them) and
# client-identity.nix (the SSH identity).
#
# A static user (declared in `users.users`) owns its files, so systemd-tmpfiles places them. A
# dynamic user's state directory cannot be written from outside its units, nor can a key be given
# to a user that does not exist yet. So there everything happens in units that have the same
# `User=` and `StateDirectory=`, and the identity comes as a credential.
{
  config,
  lib,
  options,
  ...
}:
let
  inherit (lib) mkOption types;

  fleet = config.services.buildfleet;
  cfg = fleet.client;
  inherit (cfg) identity;
  inherit (import ./client-lib.nix { inherit config lib; })
    builderNames
    builders
    declarative
    fromCopy
    fromSops
    hasLocalNode
    identitySource
    nodesOf
    sshNodes
    static
    usesDocker
    ;

  # A string, as a Nix path would copy a key to the store. Without the characters that the files it
  # gets into (units, tmpfiles.d, ssh_config) cannot hold, or not all in one way.
  absolutePath = types.strMatching "/[^\n\r\t'\"$\\]*";
  nullOrPath = types.nullOr absolutePath;
  timeSpan = types.strMatching "[0-9][0-9a-z ]*";
  serviceName = types.strMatching "[a-zA-Z0-9@:_.\\-]+[.]service";

  # Sources of the identity differ in what they need.
  isByHand = identity != null && !fromSops && !fromCopy;
  isCopied = static && fromCopy;

  # The groups of local sockets make an entry too, so its presence alone says nothing.
  isDeclared =
    config.users.users ? ${cfg.user}
    && (
      let
        user = config.users.users.${cfg.user};
      in
      user.isSystemUser || user.isNormalUser || user.uid != null
    );

  # The longest that a probe of a builder takes: 10 s for each node, and a minute for locks. A
  # container takes 20 s to ask and up to a minute to replace. Units wait for the first probe, so
  # they get a quarter of an hour at the most, however many nodes there are.
  probeTimeout =
    name:
    let
      secondsPerNode = if usesDocker name then 80 else 10;
    in
    "${toString (lib.min 900 (90 + secondsPerNode * lib.length (nodesOf name)))}s";

  inStore = lib.hasPrefix "${builtins.storeDir}/";
  privateKeys = lib.filter (path: path != null) (
    lib.optionals (identity != null) [
      identity.copyFrom
      identity.path
    ]
    ++ lib.optional cfg.nixBuildMachines.enable cfg.nixBuildMachines.sshKey
    ++ lib.optional (cfg.tls != null) cfg.tls.key
  );

  # A misspelt unit would come into being, without a program to run.
  undefinedUnits = lib.filter (
    unit:
    let
      service = config.systemd.services.${lib.removeSuffix ".service" unit};
    in
    service.script == "" && !(service.serviceConfig ? ExecStart)
  ) cfg.units;
in
{
  imports = [
    ./client-builders.nix
    ./client-identity.nix
  ];

  options.services.buildfleet.client = {
    enable = lib.mkEnableOption "starting builds on the fleet's builders from this host";

    user = mkOption {
      type = types.str;
      example = "gitea-runner";
      description = "User that starts builds.";
    };
    group = mkOption {
      type = types.str;
      default = if static then config.users.users.${cfg.user}.group or cfg.user else cfg.user;
      defaultText = lib.literalMD "the primary group of a static user";
      description = "Group that a static user's units and files get.";
    };
    extraGroups = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "builder-tls" ];
      description = ''
        Further groups of the units, for example the one that may read the TLS key. The groups of
        local sockets are added without being named here.
      '';
    };
    dynamicUser = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the user is made by systemd (`DynamicUser=`), as for the units of
        {option}`services.gitea-actions-runner` and `services.forgejo-runner`. All of
        {option}`units` then share {option}`user` and {option}`stateDirectory`.
      '';
    };
    stateDirectory = mkOption {
      type = types.nullOr (types.strMatching "[^/\n' ][^\n' ]*");
      default = null;
      example = "gitea-runner";
      description = "`StateDirectory=` of a dynamic user, relative to {file}`/var/lib`.";
    };
    home = mkOption {
      type = absolutePath;
      default =
        if cfg.dynamicUser then
          "/var/lib/${cfg.stateDirectory}"
        else
          # Without the user an assertion says so.
          config.users.users.${cfg.user}.home or "/var/empty";
      defaultText = lib.literalMD "the state directory of a dynamic user, else the user's home";
      description = "Home directory of the user; must exist.";
    };
    buildxConfig = mkOption {
      type = absolutePath;
      default = "${cfg.home}/.docker/buildx";
      defaultText = lib.literalExpression ''"''${home}/.docker/buildx"'';
      description = ''
        Directory of buildx's state (`BUILDX_CONFIG`). buildx writes there even to build. Another
        than the default is told to {option}`units`, and to login shells of a static user.
      '';
    };
    dockerPackage = mkOption {
      type = types.package;
      default = config.virtualisation.docker.package;
      defaultText = lib.literalExpression "config.virtualisation.docker.package";
      example = lib.literalExpression "pkgs.docker-client";
      description = "Docker CLI with the buildx plugin.";
    };
    units = mkOption {
      type = types.listOf serviceName;
      default = [ ];
      example = [ "gitea-runner-first.service" ];
      description = ''
        Services that run builds, by full name as systemd spells it. They get the builders through
        their environment, which a runner hands to jobs that run on the host, but not to jobs in
        containers.
      '';
    };
    defaultBuilder = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "avalanche";
      description = ''
        Builder that {option}`units`, and login shells of a static user, use unless told otherwise
        (`BUILDX_BUILDER`).
      '';
    };

    builders = mkOption {
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options = {
              converge = mkOption {
                type = types.bool;
                default = true;
                description = ''
                  Whether nodes are chosen by probing them. Only a builder that has one node for
                  each platform can do without.
                '';
              };
              interval = mkOption {
                type = timeSpan;
                default = "30s";
                example = "1min";
                description = "Pause between two probes, as a systemd time span.";
              };
              timeout = mkOption {
                type = timeSpan;
                default = probeTimeout name;
                defaultText = lib.literalMD "what the number of nodes needs, up to 15 minutes";
                example = "5min";
                description = ''
                  Time that a probe may take, as a systemd time span. {option}`units` wait for the
                  first one.
                '';
              };
              instance = mkOption {
                type = types.nullOr types.path;
                default = null;
                description = "buildx's file of the builder, where nothing is to be chosen.";
              };
            };
          }
        )
      );
      default = { };
      description = "The builders to keep, by name.";
    };

    account = mkOption {
      type = types.str;
      default = "nix-builder";
      description = "Account on the nodes that SSH logs in to.";
    };
    identity = mkOption {
      type = types.nullOr (
        types.submodule {
          options = {
            sops = mkOption {
              type = types.nullOr (
                types.submodule {
                  options = {
                    secret = mkOption {
                      type = types.str;
                      example = "builder_ssh_private_key";
                      description = "Name in {option}`sops.secrets`.";
                    };
                    key = mkOption {
                      type = types.str;
                      description = "Key in the encrypted file.";
                    };
                    file = mkOption {
                      type = types.nullOr types.path;
                      default = null;
                      description = "Encrypted file; `null` for {option}`sops.defaultSopsFile`.";
                    };
                  };
                }
              );
              default = null;
              description = "Takes the private key from sops-nix.";
            };
            copyFrom = mkOption {
              type = nullOrPath;
              default = null;
              example = "/root/.ssh/id_nix_builder";
              description = ''
                Takes the private key from a file of this host. A static user gets a copy at
                {option}`path`, a dynamic one a credential. A file of the Nix store is not accepted,
                as everyone can read those.
              '';
            };
            path = mkOption {
              type = nullOrPath;
              default = null;
              example = "/var/lib/gitea-runner/.ssh/id_nix_builder";
              description = ''
                Where a static user's ssh reads the private key. With neither {option}`sops` nor
                {option}`copyFrom` the key is put there by hand, for a dynamic user too.
              '';
            };
            owner = mkOption {
              type = types.str;
              default = cfg.user;
              defaultText = lib.literalExpression "user";
              description = "Owner of a static user's private key.";
            };
            group = mkOption {
              type = types.str;
              default = cfg.group;
              defaultText = lib.literalExpression "group";
              description = "Group of a static user's private key.";
            };
            mode = mkOption {
              type = types.strMatching "0?[0-7]{3}";
              default = "0600";
              description = ''
                Mode of a static user's private key. ssh refuses a key that others can read.
              '';
            };
            restartUnits = mkOption {
              type = types.listOf types.str;
              default = [ ];
              description = ''
                Units to restart when the key changes. A dynamic user's {option}`units` always are,
                as a credential is loaded at the start.
              '';
            };
          };
        }
      );
      default = null;
      description = "The SSH identity; `null` if no node is reached over SSH.";
    };

    tls = mkOption {
      type = types.nullOr (
        types.submodule {
          options = lib.genAttrs [ "ca" "cert" "key" ] (
            name:
            mkOption {
              type = absolutePath;
              example = "/etc/buildfleet-tls/${name}.pem";
              description = ''
                TLS file (${name}) for nodes over TCP. {option}`user` must be able to read it; see
                {option}`extraGroups`.
              '';
            }
          );
        }
      );
      default = null;
      description = "Files that the client shows to nodes over TCP.";
    };

    nixBuildMachines = {
      enable = lib.mkEnableOption "the builders' nodes as Nix build machines";
      sshKey = mkOption {
        type = absolutePath;
        default = if identity != null then identitySource else "/root/.ssh/id_nix_builder";
        defaultText = lib.literalMD "the private key of {option}`identity`";
        description = "Private key that the Nix daemon, which is root, logs in with.";
      };
      protocol = mkOption {
        type = types.enum [
          "ssh"
          "ssh-ng"
        ];
        default = "ssh-ng";
        description = "Nix's protocol for the machines.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = lib.attrNames builders == lib.attrNames cfg.builders;
        message = ''
          services.buildfleet.client.builders names builders that services.buildfleet.builders
          does not have: ${
            lib.concatStringsSep ", " (
              lib.filter (name: !(fleet.builders ? ${name})) (lib.attrNames cfg.builders)
            )
          }.
        '';
      }
      {
        assertion = cfg.defaultBuilder == null || cfg.builders ? ${cfg.defaultBuilder};
        message = ''
          services.buildfleet.client.defaultBuilder is not one of
          services.buildfleet.client.builders.
        '';
      }
      {
        assertion = lib.all (name: builders.${name}.instance != null) declarative;
        message = ''
          services.buildfleet.client.builders: a builder with converge = false needs `instance`.
        '';
      }
      {
        assertion = static -> isDeclared;
        message = ''
          services.buildfleet.client.user: nothing declares the user `${cfg.user}`. Declare it
          in users.users, or set services.buildfleet.client.dynamicUser = true if its units
          have DynamicUser= (those of gitea-actions-runner and forgejo-runner do).
        '';
      }
      {
        assertion = static && isDeclared -> config.users.groups ? ${cfg.group};
        message = ''
          services.buildfleet.client.group: nothing declares the group `${cfg.group}` of the user
          `${cfg.user}`. Declare it in users.groups.
        '';
      }
      {
        assertion = cfg.dynamicUser -> cfg.stateDirectory != null;
        message = "services.buildfleet.client: a dynamic user needs `stateDirectory`.";
      }
      {
        assertion =
          cfg.dynamicUser && cfg.stateDirectory != null
          -> lib.hasPrefix "/var/lib/${cfg.stateDirectory}/" cfg.buildxConfig;
        message = ''
          services.buildfleet.client.buildxConfig: a dynamic user can write below its state
          directory only.
        '';
      }
      {
        assertion =
          cfg.dynamicUser && config.users.groups ? ${cfg.user} -> config.users.users ? ${cfg.user};
        message = ''
          services.buildfleet.client: the group `${cfg.user}` is declared but not the user, and
          systemd then cannot make the dynamic user. Declare both, or neither.
        '';
      }
      {
        assertion = cfg.dynamicUser -> config.services.nscd.enable;
        message = ''
          services.buildfleet.client: ssh must be able to look up the dynamic user, which needs
          services.nscd.enable = true.
        '';
      }
      {
        assertion = sshNodes != [ ] -> identity != null;
        message = "services.buildfleet.client: nodes over SSH need `identity`.";
      }
      {
        assertion = !(fromSops && fromCopy);
        message = "services.buildfleet.client.identity: set one of `sops` and `copyFrom`.";
      }
      {
        assertion = isByHand || isCopied -> identity.path != null;
        message = ''
          services.buildfleet.client.identity: `path` must say where the private key is.
        '';
      }
      {
        assertion = fromCopy -> identity.copyFrom != identity.path;
        message = ''
          services.buildfleet.client.identity: `copyFrom` and `path` are the same file, which the
          copy would remove first. Leave `copyFrom` out.
        '';
      }
      {
        assertion = !(lib.any inStore privateKeys);
        message = ''
          services.buildfleet.client: a private key is in the Nix store, where everyone can read it:
          ${lib.concatStringsSep ", " (lib.unique (lib.filter inStore privateKeys))}.
        '';
      }
      {
        assertion = fromSops -> options ? sops;
        message = ''
          services.buildfleet.client.identity.sops: import the module of sops-nix, which
          provides sops.secrets.
        '';
      }
      {
        assertion =
          lib.any (name: hasLocalNode name && !usesDocker name) builderNames
          -> fleet.buildkitd.enable;
        message = ''
          services.buildfleet.client: this host is a node of one of its own builders, which needs
          services.buildfleet.buildkitd.enable = true.
        '';
      }
      {
        assertion =
          lib.any (name: hasLocalNode name && usesDocker name) builderNames
          -> config.virtualisation.docker.enable;
        message = ''
          services.buildfleet.client: this host is a node of one of its own `docker-container`
          builders, which needs virtualisation.docker.enable = true.
        '';
      }
    ];

    warnings = map (unit: ''
      services.buildfleet.client.units: no module defines ${unit}. Is it spelt as systemd spells
      it, with a dash in an instance's name as \x2d?
    '') undefinedUnits;
  };
}
