# Evaluates a rendered host folder without nixpkgs:
#
#   nix-instantiate --store dummy:// --eval --strict --json tests/nix/eval.nix \
#     --arg host ./rendered/hosts/eagle
#
# Prints `config` (the NixOS options that the modules set), `files` (what NixOS would write from
# some of them), `failed` (messages of the assertions that do not hold) and `warnings`.
#
# It shows that the modules and the settings fit together: names, types, merges, conditions,
# assertions, and the text of units and configuration files. It does not show that NixOS has the
# options that `nixos.nix` claims, nor that the packages exist or build, nor how NixOS activates any
# of it.
#
# `modules` adds what a host has besides, such as a runner's units (`runners.nix`); `sops = false`
# leaves out sops-nix; `lib` may be nixpkgs' own, which gives the same.
{
  host,
  modules ? [ ],
  sops ? true,
  lib ? import ./lib.nix,
}:
let
  evaluated = lib.evalModules {
    modules = [
      ./nixos.nix
      host
    ]
    ++ lib.optional sops ./sops.nix
    ++ modules;
    specialArgs.pkgs = import ./pkgs.nix;
  };
  inherit (evaluated) config;

  # As data: packages and paths by name, or printing would copy them into the store.
  plain =
    x:
    if lib.isDerivation x then
      x.outPath
    else if builtins.isPath x then
      toString x
    else if builtins.isAttrs x then
      lib.mapAttrs (_: plain) x
    else if builtins.isList x then
      map plain x
    else
      x;
in
{
  config = plain (
    builtins.removeAttrs config [
      "assertions"
      "warnings"
      "services"
    ]
    // {
      services = { inherit (config.services) openssh; };
    }
  );
  files = import ./files.nix { inherit lib config; };
  failed = map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);
  inherit (config) warnings;
}
