# What NixOS writes from some options, so that the programs which read the files can judge them.
{ lib, config }:
let
  flatten = lib.concatMap (x: x);
  each = name: values: map (v: "${name}=${value v}") (lib.toList values);
  value =
    v:
    if v == true then
      "true"
    else if v == false then
      "false"
    else
      toString v;
  section = name: entries: [ "[${name}]" ] ++ flatten (lib.mapAttrsToList each entries) ++ [ "" ];

  # List-valued settings of [Unit] are one line of names.
  names = attrs: lib.filterAttrs (_: v: v != "") (lib.mapAttrs (_: lib.concatStringsSep " ") attrs);
  unitSection =
    u:
    section "Unit" (
      lib.optionalAttrs (u.description != "") { Description = u.description; }
      // names {
        Documentation = u.documentation;
        Wants = u.wants;
        Requires = u.requires;
        After = u.after;
        Before = u.before;
      }
      // u.unitConfig
    );
  installSection =
    u: lib.optionals (u.wantedBy != [ ]) (section "Install" { WantedBy = u.wantedBy; });

  service =
    _: u:
    lib.concatLines (
      unitSection u
      ++ section "Service" (
        {
          Environment = map builtins.toJSON (
            lib.mapAttrsToList (name: v: "${name}=${v}") u.environment
            ++ [ "PATH=${lib.concatStringsSep ":" (map (p: "${p}/bin") u.path)}" ]
          );
        }
        // lib.optionalAttrs (u.script != "") { ExecStart = "/bin/sh"; }
        // lib.optionalAttrs (u.postStop != "") { ExecStopPost = "/bin/sh"; }
        // u.serviceConfig
      )
      ++ installSection u
    );
  triggered =
    title: _: u:
    lib.concatLines (
      unitSection u ++ section title (u.timerConfig or u.pathConfig) ++ installSection u
    );
  named = suffix: lib.mapAttrs' (name: lib.nameValuePair "${name}.${suffix}");

  rule =
    path: type: r:
    "'${type}' '${path}' '${r.mode}' '${r.user}' '${r.group}' '${r.age}' ${r.argument}";
in
{
  units =
    named "service" (lib.mapAttrs service config.systemd.services)
    // named "timer" (lib.mapAttrs (triggered "Timer") config.systemd.timers)
    // named "path" (lib.mapAttrs (triggered "Path") config.systemd.paths);

  # The bodies of `script` and `postStop`, which NixOS runs with `bash -e`.
  scripts =
    let
      inherit (config.systemd) services;
      postStop = name: u: lib.nameValuePair "${name}-post-stop" u.postStop;
    in
    lib.filterAttrs (_: text: text != "") (
      lib.mapAttrs (_: u: u.script) services // lib.mapAttrs' postStop services
    );

  tmpfiles = lib.mapAttrs (
    _: paths:
    lib.concatLines (
      flatten (lib.mapAttrsToList (path: types: lib.mapAttrsToList (rule path) types) paths)
    )
  ) config.systemd.tmpfiles.settings;

  sshConfig = config.programs.ssh.extraConfig + "\nHost *\n";

  knownHosts = lib.concatLines (
    lib.mapAttrsToList (
      _: h: "${lib.concatStringsSep "," h.hostNames} ${h.publicKey}"
    ) config.programs.ssh.knownHosts
  );

  sshdConfig = lib.concatLines (
    lib.mapAttrsToList (name: v: "${name} ${value v}") config.services.openssh.settings
  );

  machines = lib.concatLines (
    map (
      m:
      let
        list = xs: if xs == [ ] then "-" else lib.concatStringsSep "," xs;
      in
      lib.concatStringsSep " " [
        "${m.protocol}://${m.sshUser}@${m.hostName}"
        (list m.systems)
        m.sshKey
        (toString m.maxJobs)
        (toString m.speedFactor)
        (list (m.supportedFeatures ++ m.mandatoryFeatures))
        (list m.mandatoryFeatures)
        (if m.publicHostKey == null then "-" else m.publicHostKey)
      ]
    ) config.nix.buildMachines
  );
}
