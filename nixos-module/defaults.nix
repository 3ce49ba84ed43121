# Rendered settings as defaults, so that a host's own modules need no `mkForce`; lists add up.
lib:
let
  yield =
    value:
    if builtins.isAttrs value then
      builtins.mapAttrs (_: yield) value
    else if builtins.isList value then
      value
    else
      lib.mkDefault value;
in
yield
