# A host that builds for others: the account that clients log in to, what each of their keys may
# run there, and the daemons behind it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  fleet = config.services.buildfleet;
  cfg = fleet.builder;
  sshd = config.services.openssh.settings;

  # What clients log in to this host for, by builder: to build images where they do not connect to
  # its buildkitd over TCP, and to build with Nix.
  isHere = node: node.host == fleet.host;
  servesImages = b: lib.any (n: isHere n && n.transport == "ssh") b.nodes;
  servesNix = b: lib.any (n: isHere n && n.nix != null) b.nodes;
  builders = lib.attrValues fleet.builders;
  serves = driver: lib.any (b: b.driver == driver && servesImages b) builders;

  # Algorithm and base64 without the comment: what makes two keys the same key.
  keyOf = line: lib.concatStringsSep " " (lib.take 2 (lib.splitString " " line));

  # Which commands a client's key needs here, one grant per builder that they share. A host reaches
  # its own node through the local socket, so its own key is never let in.
  grants = lib.concatMap (
    b:
    let
      driverCommand =
        {
          remote = "buildctl";
          docker-container = "docker";
        }
        .${b.driver};
    in
    lib.filter (g: g.commands != [ ]) (
      map (c: {
        key = c.publicKey;
        commands =
          lib.optional (servesImages b) driverCommand ++ lib.optional (c.nix && servesNix b) "nix";
      }) (lib.filter (c: c.publicKey != null && c.host != fleet.host) b.clients)
    )
  ) builders;

  # Only the programs that some key may run become part of the system; the others stay refused.
  granted = command: lib.any (g: lib.elem command g.commands) grants;
  program = command: path: if granted command then path else "-";
  programs = {
    # Not bash, which runs what BASH_ENV says, should the host's sshd accept it (AcceptEnv).
    "#!/bin/sh" = "#!${pkgs.dash}/bin/dash";
    "@buildctl@" = program "buildctl" "${fleet.buildkitd.package}/bin/buildctl";
    "@docker@" = program "docker" "${config.virtualisation.docker.package}/bin/docker";
    "@nix-store@" = program "nix" "${config.nix.package}/bin/nix-store";
    "@nix-daemon@" = program "nix" "${config.nix.package}/bin/nix-daemon";
  };
  dispatch = pkgs.writeScriptBin "buildfleet-ssh-dispatch" (
    builtins.replaceStrings (lib.attrNames programs) (lib.attrValues programs) (
      builtins.readFile ./ssh-dispatch.sh
    )
  );

  authorizedKey =
    sameKey:
    let
      commands = lib.filter (c: lib.any (g: lib.elem c g.commands) sameKey) [
        "buildctl"
        "docker"
        "nix"
      ];
      command = "${dispatch}/bin/buildfleet-ssh-dispatch ${lib.concatStringsSep " " commands}";
    in
    ''restrict,command="${command}" ${(lib.head sameKey).key}'';

  authorizedKeys = map authorizedKey (lib.attrValues (lib.groupBy (g: keyOf g.key) grants));

  # `AllowUsers` and its kin hold patterns, a user's with an optional `@host`.
  matches =
    name: pattern:
    builtins.match (builtins.replaceStrings [ "\\*" "\\?" ] [ ".*" "." ] (
      lib.escapeRegex (lib.head (lib.splitString "@" pattern))
    )) name != null;
  anyMatch = names: patterns: lib.any (p: lib.any (n: matches n p) names) patterns;
  accountGroups = [ cfg.user ] ++ config.users.users.${cfg.user}.extraGroups;
  admits = allowed: names: allowed == null || anyMatch names allowed;
  denies = denied: names: denied != null && anyMatch names denied;

  # Each login of a client is one connection that is unauthenticated for a moment. A build makes
  # two per node, and buildx logs in about once a second while a node fails to answer. By default
  # (`10:30:100`) sshd drops three in ten new ones while ten are pending, and all at a hundred.
  startups = lib.max 10 (lib.min 1000 (10 * lib.length authorizedKeys));
  fullAt = lib.max 100 (3 * startups);

  # Whether Nix takes unsigned paths from the account, or may know a key that its clients sign with.
  nixSettings = config.nix.settings;
  trustsPaths =
    lib.any (name: lib.elem name (nixSettings.trusted-users or [ ])) [
      "*"
      cfg.user
      "@${cfg.user}"
    ]
    || !(nixSettings.require-sigs or true)
    || !(lib.all (lib.hasPrefix "cache.nixos.org-") (nixSettings.trusted-public-keys or [ ]));
in
{
  options.services.buildfleet.builder = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether to build for the fleet's clients on this host. They log in over SSH, so the host
        must have {option}`services.openssh.enable`. It is not set from here, as sshd would take
        the passwords of all other accounts too.
      '';
    };
    user = mkOption {
      type = types.str;
      default = "nix-builder";
      description = "Account that clients log in to; its group has the same name.";
    };
    home = mkOption {
      type = types.strMatching "/[^:\n]*";
      default = "/var/lib/${cfg.user}";
      defaultText = lib.literalExpression ''"/var/lib/''${user}"'';
      description = "Home directory of the account.";
    };
    docker = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether to run Docker and put the account into its group, as nodes of the
        `docker-container` driver need. Membership is equivalent to being root.
      '';
    };
    trustedUser = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether Nix trusts the account, so that clients can copy unsigned store paths to this host.
        A trusted user is equivalent to root.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = config.services.openssh.enable;
        message = ''
          services.buildfleet.builder: clients reach this host over SSH, and NixOS installs
          authorized keys only with services.openssh.enable = true. Set it, and think of
          services.openssh.settings.PasswordAuthentication = false besides.
        '';
      }
      {
        assertion = sshd.UsePAM or true != false;
        message = ''
          services.buildfleet.builder: without services.openssh.settings.UsePAM sshd takes the
          account `${cfg.user}`, which has no password, for a locked one and refuses its keys.
        '';
      }
      {
        assertion =
          admits (sshd.AllowUsers or null) [ cfg.user ]
          && !denies (sshd.DenyUsers or null) [ cfg.user ];
        message = ''
          services.buildfleet.builder: services.openssh.settings.AllowUsers or DenyUsers shuts out
          the account `${cfg.user}`. Add it to AllowUsers, or take it out of DenyUsers.
        '';
      }
      {
        assertion =
          admits (sshd.AllowGroups or null) accountGroups
          && !denies (sshd.DenyGroups or null) accountGroups;
        message = ''
          services.buildfleet.builder: services.openssh.settings.AllowGroups or DenyGroups shuts out
          the groups of the account `${cfg.user}`: ${lib.concatStringsSep ", " accountGroups}.
        '';
      }
      {
        assertion = serves "remote" -> fleet.buildkitd.enable;
        message = ''
          services.buildfleet.builder: this host is a node of a builder with the `remote` driver,
          which needs services.buildfleet.buildkitd.enable = true.
        '';
      }
      {
        assertion = serves "docker-container" -> cfg.docker;
        message = ''
          services.buildfleet.builder: this host is a node of a builder with the `docker-container`
          driver, which needs services.buildfleet.builder.docker = true.
        '';
      }
      {
        assertion = lib.any servesNix builders -> config.nix.enable;
        message = ''
          services.buildfleet.builder: this host is a Nix build machine, which needs
          nix.enable = true.
        '';
      }
    ];

    warnings =
      lib.optional (cfg.trustedUser && !granted "nix") ''
        services.buildfleet.builder.trustedUser makes the account `${cfg.user}` equivalent to root,
        but no client sends Nix builds to this host. Leave it out.
      ''
      ++ lib.optional (granted "nix" && !trustsPaths) ''
        services.buildfleet.builder: clients send Nix builds to this host, but Nix refuses unsigned
        paths from the account `${cfg.user}`. Set services.buildfleet.builder.trustedUser = true, or
        sign the paths and add the key to nix.settings.trusted-public-keys.
      '';

    users.groups.${cfg.user} = { };
    users.users.${cfg.user} = {
      isSystemUser = true;
      description = lib.mkDefault "Builds for the fleet's clients";
      group = cfg.user;
      home = lib.mkDefault cfg.home;
      createHome = lib.mkDefault true;
      # sshd runs forced commands through the login shell, and a system user's is nologin. dash reads no
      # files and no functions from the environment.
      shell = lib.mkDefault pkgs.dash;
      extraGroups =
        lib.optional (fleet.buildkitd.enable && granted "buildctl") fleet.buildkitd.group
        ++ lib.optional cfg.docker "docker";
      openssh.authorizedKeys.keys = authorizedKeys;
    };

    nix.settings.trusted-users = lib.mkIf cfg.trustedUser [ cfg.user ];

    # Pruning removes images and stopped containers; the caches of buildx nodes are volumes, which
    # it leaves alone.
    virtualisation.docker = lib.mkIf cfg.docker {
      enable = true;
      autoPrune = {
        enable = lib.mkDefault true;
        dates = lib.mkDefault "weekly";
      };
    };

    services.openssh.settings.MaxStartups =
      lib.mkDefault "${toString startups}:30:${toString fullAt}";
  };
}
