# The units of runners as NixOS' modules define them, as far as it matters to the client module, and
# a declared user. For the `modules` argument of `eval.nix`:
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
{ lib, ... }:
let
  runner = {
    ExecStart = "/bin/true";
    DynamicUser = true;
  };
  unit = prefix: config: name: lib.nameValuePair "${prefix}-${name}" (config name);
in
{
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

  users = lib.mkIf (user != null) {
    groups.${user} = { };
    users.${user} = {
      isSystemUser = true;
      group = user;
      home = "/var/lib/${user}";
    };
  };
}
