# Every option of `nixos.nix` by its path, with its type in words, as the manual of NixOS has them: the
# options that the modules set or read, as without one here they would not evaluate. A test holds
# them against a list of the real ones.
let
  lib = import ./lib.nix;
  nixos = import ./nixos.nix {
    inherit lib;
    pkgs = import ./pkgs.nix;
  };

  isOption = x: (x._type or null) == "option";
  optionsOf =
    module:
    (
      if builtins.isFunction module then
        module {
          name = "_name_";
          config = { };
        }
      else
        module
    ).options;

  # What is below an option, and where the manual puts it.
  below =
    path: type:
    if type ? module then
      walk path (optionsOf type.module)
    else if type ? elemType then
      below (path ++ type.at) type.elemType
    else
      [ ];
  walk =
    path: set:
    builtins.concatLists (
      lib.mapAttrsToList (
        name: x:
        let
          here = path ++ [ name ];
        in
        if isOption x then
          [ (lib.nameValuePair (builtins.concatStringsSep "." here) x.type.description) ]
          ++ below here x.type
        else
          walk here x
      ) set
    );
in
builtins.listToAttrs (walk [ ] nixos.options)
