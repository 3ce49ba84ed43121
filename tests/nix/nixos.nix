# The options of NixOS that `nixos-module/` reads or sets, with the types and defaults they have
# there. Nothing acts on them: `files.nix` shows what NixOS would write from some.
{ lib, pkgs, ... }:
let
  inherit (lib) mkOption types;

  option = type: default: mkOption { inherit type default; };
  required = type: mkOption { inherit type; };
  flag = option types.bool false;
  strings = option (types.listOf types.str) [ ];
  submodules = options: option (types.attrsOf (types.submodule { inherit options; })) { };

  # A value of a systemd section: lists add up, anything else must agree.
  systemdOption = lib.mkOptionType {
    name = "systemd option";
    merge =
      loc: definitions:
      if lib.any (d: builtins.isList d.value) definitions then
        lib.concatMap (d: lib.toList d.value) definitions
      else
        lib.mergeEqualOption loc definitions;
  };
  section = option (types.attrsOf systemdOption) { };

  unit = {
    description = option types.singleLineStr "";
    documentation = strings;
    wantedBy = strings;
    wants = strings;
    requires = strings;
    after = strings;
    before = strings;
    unitConfig = section;
  };

  knownHost =
    { name, ... }:
    {
      options = {
        hostNames = option (types.listOf types.str) [ name ];
        publicKey = option (types.nullOr types.str) null;
      };
    };

  user =
    { name, config, ... }:
    {
      options = {
        uid = option (types.nullOr types.int) null;
        isSystemUser = flag;
        isNormalUser = flag;
        description = option types.singleLineStr "";
        group = option types.str "";
        extraGroups = strings;
        home = option types.path "/var/empty";
        createHome = flag;
        shell = option (types.nullOr types.package) null;
        openssh.authorizedKeys.keys = option (types.listOf types.singleLineStr) [ ];
      };
      config = lib.mkIf config.isNormalUser {
        group = lib.mkDefault "users";
        home = lib.mkDefault "/home/${name}";
        createHome = lib.mkDefault true;
      };
    };

  tmpfilesRule = {
    user = option types.str "-";
    group = option types.str "-";
    mode = option types.str "-";
    age = option types.str "-";
    argument = option types.str "";
  };
in
{
  options = {
    assertions = option (types.listOf types.unspecified) [ ];
    warnings = strings;

    boot.isContainer = flag;
    environment.etc = submodules {
      source = option (types.nullOr types.path) null;
      text = option (types.nullOr types.lines) null;
    };
    environment.extraInit = option types.lines "";
    environment.systemPackages = option (types.listOf types.package) [ ];
    networking.firewall.allowedTCPPorts = option (types.listOf types.port) [ ];
    networking.proxy.envVars = option (types.attrsOf types.str) { };

    nix = {
      enable = option types.bool true;
      package = option types.package pkgs.nix;
      distributedBuilds = flag;
      settings = section;
      buildMachines = option (types.listOf (
        types.submodule {
          options = {
            hostName = required types.str;
            protocol = option (types.enum [
              null
              "ssh"
              "ssh-ng"
            ]) "ssh";
            systems = strings;
            sshUser = option (types.nullOr types.str) null;
            sshKey = option (types.nullOr types.str) null;
            maxJobs = option types.int 1;
            speedFactor = option types.int 1;
            mandatoryFeatures = strings;
            supportedFeatures = strings;
            publicHostKey = option (types.nullOr types.str) null;
          };
        }
      )) [ ];
    };

    programs.ssh = {
      package = option types.package pkgs.openssh;
      extraConfig = option types.lines "";
      knownHosts = option (types.attrsOf (types.submodule knownHost)) { };
    };

    services.nscd.enable = option types.bool true;
    services.openssh = {
      enable = flag;
      settings = section;
    };

    systemd = {
      services = submodules (
        unit
        // {
          path = option (types.listOf (types.oneOf [
            types.package
            types.str
          ])) [ ];
          environment = option (types.attrsOf (
            types.nullOr (types.oneOf [
              types.str
              types.path
              types.package
            ])
          )) { };
          script = option types.lines "";
          postStop = option types.lines "";
          restartTriggers = option (types.listOf types.unspecified) [ ];
          serviceConfig = section;
        }
      );
      timers = submodules (unit // { timerConfig = section; });
      paths = submodules (unit // { pathConfig = section; });
      tmpfiles.settings = option (types.attrsOf (
        types.attrsOf (types.attrsOf (types.submodule { options = tmpfilesRule; }))
      )) { };
    };

    users.groups = submodules { gid = option (types.nullOr types.int) null; };
    users.users = option (types.attrsOf (types.submodule user)) { };

    virtualisation.docker = {
      enable = flag;
      package = option types.package pkgs.docker;
      autoPrune.enable = flag;
      autoPrune.dates = option types.str "weekly";
    };
  };

  config.nix.settings.trusted-users = [ "root" ];
}
