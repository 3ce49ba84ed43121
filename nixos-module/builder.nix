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

  isHere = node: node.host == fleet.host && node.transport == "ssh";
  served = lib.filter (b: lib.any isHere b.nodes) (lib.attrValues fleet.builders);
  serves = driver: lib.any (b: b.driver == driver) served;
  servesNix = lib.any (b: lib.any (n: isHere n && n.nix != null) b.nodes) served;

  # Algorithm and base64 without the comment: what makes two keys the same key.
  keyOf = line: lib.concatStringsSep " " (lib.take 2 (lib.splitString " " line));

  # Which command a client's key needs here, one grant per builder that they share. A host reaches
  # its own node through the local socket, so its own key is never let in.
  grants = lib.concatMap (
    b:
    let
      nixHere = lib.any (n: isHere n && n.nix != null) b.nodes;
      driverCommand =
        {
          remote = "buildctl";
          docker-container = "docker";
        }
        .${b.driver};
    in
    map (c: {
      key = c.publicKey;
      commands = [ driverCommand ] ++ lib.optional (c.nix && nixHere) "nix";
    }) (lib.filter (c: c.publicKey != null && c.host != fleet.host) b.clients)
  ) served;

  # Only the programs that some key may run become part of the system; the others stay refused.
  granted = command: lib.any (g: lib.elem command g.commands) grants;
  program = command: path: if granted command then path else "-";
  programs = {
    "#!/bin/sh" = "#!${pkgs.runtimeShell}";
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
  # two per node, and buildx logs in about once a second while a node fails to answer. sshd's
  # default drops connections from the eleventh on.
  startups = lib.max 10 (lib.min 1000 (10 * lib.length authorizedKeys));
in
{
  options.services.buildfleet.builder = {
    enable = lib.mkEnableOption "building for the fleet's clients on this host";
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
          authorized keys only with services.openssh.enable = true.
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
        assertion = servesNix -> config.nix.enable;
        message = ''
          services.buildfleet.builder: this host is a Nix build machine, which needs
          nix.enable = true.
        '';
      }
    ];

    users.groups.${cfg.user} = { };
    users.users.${cfg.user} = {
      isSystemUser = true;
      description = "Builds for the fleet's clients";
      group = cfg.user;
      inherit (cfg) home;
      createHome = true;
      # sshd runs forced commands through the login shell, and a system user's is nologin.
      shell = pkgs.bashInteractive;
      extraGroups =
        lib.optional fleet.buildkitd.enable fleet.buildkitd.group
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

    services.openssh = {
      enable = lib.mkDefault true;
      settings.MaxStartups = lib.mkDefault "${toString startups}:30:${toString (3 * startups)}";
    };
  };
}
