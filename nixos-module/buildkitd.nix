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

  # Where builds have their cgroups. The spec that BuildKit hands to runc asks for `/buildkit/<id>`
  # (containerd's default, below a namespace) or `/<parent>/buildkit/<id>`, and BuildKit looks for
  # either below /sys/fs/cgroup. So builds run outside of the service: its limits do not hold for
  # them, and its end does not reach them.
  buildGroup = lib.optionalString (cfg.cgroupParent != null) "${cfg.cgroupParent}/" + "buildkit";
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
    tls = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether {option}`configFile` has the daemon ask its clients for certificates
        (`[grpc.tls]` with a `ca`).
      '';
    };
    tlsFiles = mkOption {
      type = types.listOf (types.strMatching "/[^\n]*");
      default = [ ];
      example = [ "/var/lib/acme/builder/key.pem" ];
      description = ''
        TLS files that {option}`configFile` names. The daemon reads them once and is restarted when
        they change. Secrets of sops-nix lie behind a link that is replaced as a whole, which may
        go unseen: give those `restartUnits = [ "buildkitd.service" ]`.
      '';
    };
    openFirewall = mkOption {
      type = types.bool;
      default = cfg.tls;
      defaultText = lib.literalExpression "tls";
      description = ''
        Whether to open {option}`tcpPorts` in the firewall. Without TLS whoever reaches one can run
        arbitrary builds. No port is opened for nodes over SSH.
      '';
    };
    cgroupParent = mkOption {
      type = types.nullOr (types.strMatching "[a-zA-Z0-9/][a-zA-Z0-9._/-]*");
      default = null;
      example = "builds";
      description = ''
        The worker's `defaultCgroupParent`, if {option}`configFile` has one. Processes of builds
        below it are ended with the service.
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
        # goes to it alone. After the time it is killed, with the runc and git that it has started.
        KillMode = lib.mkDefault "mixed";
        TimeoutStopSec = lib.mkDefault "2min";
        # Builds inherit these, unless they ask for others.
        LimitNOFILE = lib.mkDefault 1048576;
        LimitNPROC = lib.mkDefault "infinity";
      };
      # Builds can outlive a daemon that was killed: it has runc killed along with it, not what runc
      # has started. This runs however the daemon has ended, and before it is started again. A build
      # that asks for a parent of its own (`docker buildx build --cgroup-parent`) is not found.
      postStop = ''
        if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
          groups=(/sys/fs/cgroup/${buildGroup})
        else
          # cgroup v1: one hierarchy for each controller.
          groups=(/sys/fs/cgroup/*/${buildGroup})
        fi
        for group in "''${groups[@]}"; do
          if [ -e "$group/cgroup.kill" ]; then
            echo 1 > "$group/cgroup.kill" || true
          elif [ -d "$group" ]; then
            # Again while some are left, as they may fork in between.
            for _ in 1 2 3 4 5 6 7 8 9 10; do
              mapfile -t pids < <(find "$group" -name cgroup.procs -exec cat {} +)
              [ "''${#pids[@]}" -gt 0 ] || break
              kill -KILL "''${pids[@]}" || true
              sleep 0.1
            done
          fi
        done
      '';
    };

    # A certificate and its key are written one after the other, hence the pause.
    systemd.services.buildfleet-buildkitd-tls = lib.mkIf (cfg.tlsFiles != [ ]) {
      description = "Restart buildkitd with its new TLS files";
      serviceConfig.Type = "oneshot";
      script = ''
        sleep 5
        systemctl try-restart --no-block buildkitd.service
      '';
    };
    systemd.paths.buildfleet-buildkitd-tls = lib.mkIf (cfg.tlsFiles != [ ]) {
      description = "Watch buildkitd's TLS files";
      wantedBy = [ "multi-user.target" ];
      pathConfig.PathChanged = map (builtins.replaceStrings [ "%" ] [ "%%" ]) cfg.tlsFiles;
    };
  };
}
