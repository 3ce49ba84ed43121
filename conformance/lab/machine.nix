# What a host of the lab has of its own, beside what is rendered for it: sshd, settings of Nix, and the user and the
# service that start builds. For the `modules` argument of `tests/nix/eval.nix`.
{
  host,
  user ? null,
  service ? null,
}:
{ lib, ... }:
{
  imports = lib.optional (user != null) (
    import ../../tests/nix/runners.nix {
      inherit user;
      services = [ service ];
    }
  );

  services.openssh.enable = true;

  # eagle sends Nix builds to the others, none of which has a key to sign with.
  services.buildfleet.builder.trustedUser = lib.mkIf (host != "eagle") true;
  nix.settings = {
    # The hosts have no users for builds, no namespaces inside of theirs, and nowhere to fetch from.
    build-users-group = "";
    sandbox = false;
    substitute = false;
    # opi01 is what it is declared to be, whatever the machine is.
    system = lib.mkIf (host == "opi01") "aarch64-linux";
  };
}
