# A host's own buildkitd, the daemon that the `remote` driver reaches. nixpkgs has the package
# (`pkgs.buildkit`) but no service for it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  cfg = config.services.buildfleet.buildkitd;

  configPath = "/etc/buildkit/buildkitd.toml";
  socketDirectory = "/run/buildkit";
  install = "${pkgs.coreutils}/bin/install";
in
{
  options.services.buildfleet.buildkitd = {
    enable = lib.mkEnableOption "the host's own buildkitd";
    package = mkOption {
      type = types.package;
      default = pkgs.buildkit;
      defaultText = lib.literalExpression "pkgs.buildkit";
      description = "Package that provides `buildkitd` and `buildctl`.";
    };
    configFile = mkOption {
      type = types.path;
      example = lib.literalExpression "./buildkitd.toml";
      description = ''
        The daemon's configuration, installed as {file}`/etc/buildkit/buildkitd.toml`. The file is
        owned whole: a second definition of it elsewhere is an error, as two merged TOML texts
        would repeat their tables.
      '';
    };
    group = mkOption {
      type = types.str;
      default = "buildkit";
      description = ''
        Group that may use the socket, {file}`/run/buildkit/buildkitd.sock`. Whoever is in it can
        run arbitrary builds.
      '';
    };
    gid = mkOption {
      type = types.nullOr types.int;
      default = null;
      example = 992;
      description = "Id of {option}`group`; `null` leaves the choice to NixOS.";
    };
    tcpPorts = mkOption {
      type = types.listOf types.port;
      default = [ ];
      example = [ 1234 ];
      description = "Ports of the `tcp://` addresses that {option}`configFile` listens on.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether to open {option}`tcpPorts` in the firewall. No port is opened for nodes over SSH.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = !config.boot.isContainer;
        message = ''
          services.buildfleet.buildkitd: buildkitd mounts filesystems and makes cgroups, which a
          NixOS container may not do. Enable it on the host of the container.
        '';
      }
    ];

    environment.etc."buildkit/buildkitd.toml".source = cfg.configFile;
    # `buildctl` for people; a client's key is bound to the absolute path.
    environment.systemPackages = [ cfg.package ];

    users.groups.${cfg.group} = lib.optionalAttrs (cfg.gid != null) { inherit (cfg) gid; };

    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall cfg.tcpPorts;

    systemd.tmpfiles.settings."10-buildfleet".${socketDirectory}.d = {
      user = "root";
      inherit (cfg) group;
      mode = "0710";
    };

    systemd.services.buildkitd = {
      description = "BuildKit daemon";
      documentation = [ "https://github.com/moby/buildkit" ];
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      # buildkitd reads its file once. A missing file would mean "all defaults" to it.
      restartTriggers = [ cfg.configFile ];
      unitConfig.AssertPathExists = configPath;
      environment = config.networking.proxy.envVars;
      # Workers exec runc; sources from Git exec git, which execs ssh; bridge networking execs
      # iptables.
      path = [
        pkgs.runc
        pkgs.git
        config.programs.ssh.package
        pkgs.iptables
      ];
      serviceConfig = {
        Type = "notify";
        # buildkitd gives the directory to the group only when it makes it, so one left over from
        # another group would stay shut. tmpfiles does the same at boot and at a switch.
        ExecStartPre = "${install} -d -m 0710 -o root -g ${cfg.group} ${socketDirectory}";
        ExecStart = "${cfg.package}/bin/buildkitd --config ${configPath} --group ${cfg.group}";
        # It ends with 1 even when it was asked to. A start that fails still counts as one, since
        # the daemon is not ready then.
        SuccessExitStatus = "1";
        Restart = lib.mkDefault "always";
        RestartSec = lib.mkDefault "2s";
        # Asked to stop, buildkitd refuses new builds and waits for the running ones: the signal
        # goes to it alone, and what is left after the time is killed.
        KillMode = "mixed";
        TimeoutStopSec = lib.mkDefault "2min";
        # Builds have cgroups of their own below the service.
        Delegate = true;
        TasksMax = lib.mkDefault "infinity";
        LimitNOFILE = lib.mkDefault 1048576;
        LimitNPROC = lib.mkDefault "infinity";
        OOMScoreAdjust = lib.mkDefault (-500);
      };
    };
  };
}
