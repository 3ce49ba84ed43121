# The options of sops-nix that `nixos-module/` sets.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  secret =
    { name, ... }:
    {
      options = {
        key = option types.str name;
        path = option types.str "/run/secrets/${name}";
        sopsFile = option (types.nullOr types.path) null;
        mode = option types.str "0400";
        owner = option (types.nullOr types.str) null;
        group = option (types.nullOr types.str) null;
        restartUnits = option (types.listOf types.str) [ ];
      };
    };
in
{
  options.sops.secrets = option (types.attrsOf (types.submodule secret)) { };
}
