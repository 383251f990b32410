/** `vendor.com/class`. */
export function kindPattern(): RegExp {
  return /^[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\/[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?$/;
}

/** `vendor.com/class=name` as users of `run` write it. Never a path. */
export function isCdiName(text: string): boolean {
  const equals = text.indexOf('=');
  return (
    equals > 0 &&
    kindPattern().test(text.slice(0, equals)) &&
    /^[A-Za-z0-9_.:*-]+$/.test(text.slice(equals + 1))
  );
}
