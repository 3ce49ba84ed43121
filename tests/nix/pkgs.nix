# Packages as far as `nixos-module/` looks into them: a name and a store path. What is written into
# a script shows only in the hash.
let
  package =
    name: text:
    let
      hash = builtins.substring 0 32 (builtins.hashString "sha256" "${name}${text}");
    in
    {
      type = "derivation";
      inherit name text;
      outPath = "/nix/store/${hash}-${name}";
    };
  named = builtins.listToAttrs (
    map
      (name: {
        inherit name;
        value = package name "";
      })
      [
        "buildkit"
        "coreutils"
        "docker"
        "git"
        "iptables"
        "nix"
        "openssh"
        "runc"
        "util-linux"
      ]
  );
in
named
// {
  dash = package "dash" "" // {
    shellPath = "/bin/dash";
  };
  runtimeShell = "${package "bash" ""}/bin/bash";
  writeScriptBin = package;
}
