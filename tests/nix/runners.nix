# What a host has besides its folder, as far as it matters to the modules: sshd, the units of
# runners as NixOS' modules define them, and a declared user, who is a person unless services run as
# it. For the `modules` argument of `eval.nix`:
#
#   import ./runners.nix { gitea = [ "first" ]; }
{
  # Names of instances, escaped as in the names of their units.
  gitea ? [ ],
  forgejo ? [ ],
  # A user of the host, and services that run as it, without the suffix.
  user ? null,
  services ? [ ],
}:
{ config, lib, ... }:
let
  runner = {
    ExecStart = "/bin/true";
    DynamicUser = true;
  };
  unit = prefix: define: name: lib.nameValuePair "${prefix}-${name}" (define name);
  # The inventory may give the client a group that is not the user's own.
  groups = [
    user
    config.services.buildfleet.client.group
  ];
in
{
  services.openssh.enable = true;

  systemd.services = lib.mkMerge [
    (lib.listToAttrs (
      map (unit "gitea-runner" (name: {
        environment.HOME = "/var/lib/gitea-runner/${name}";
        serviceConfig = runner // {
          User = "gitea-runner";
          StateDirectory = "gitea-runner";
          SupplementaryGroups = [ "docker" ];
          ExecStartPre = [ "/bin/true" ];
        };
      })) gitea
    ))
    (lib.listToAttrs (
      map (unit "forgejo-runner" (name: {
        environment.HOME = "/var/lib/forgejo-runner/${name}";
        serviceConfig = runner // {
          StateDirectory = "forgejo-runner/${name}";
        };
      })) forgejo
    ))
    (lib.genAttrs services (_: {
      serviceConfig = {
        ExecStart = "/bin/true";
        User = user;
      };
    }))
  ];

  users = lib.mkIf (user != null) (
    if services == [ ] then
      {
        # NixOS has the group `users` anyway.
        groups = lib.genAttrs [ config.services.buildfleet.client.group ] (_: { }) // {
          users.gid = 100;
        };
        users.${user}.isNormalUser = true;
      }
    else
      {
        groups = lib.genAttrs groups (_: { });
        users.${user} = {
          isSystemUser = true;
          group = user;
          home = "/var/lib/${user}";
        };
      }
  );
}
