/** What a pattern found: the groups by number, from 0 for the whole, and by name. */
export interface Captures {
  readonly groups: readonly string[];
  readonly named: Readonly<Record<string, string | undefined>>;
}

/**
 * Fills in `$1`, `${1}`, `$name` and `${name}`, as Go's `regexp.Expand` does: a name without braces is as long as letters,
 * digits and `_` go (`$1x` is `${1x}`), what does not exist is empty, `$$` is a dollar, and so is one before nothing.
 */
export function expandTemplate(template: string, { groups, named }: Captures): string {
  return template.replace(
    /\$(?:(\$)|\{(\w+)\}|(\w+))/g,
    (_all, dollar: string | undefined, braced: string | undefined, bare: string | undefined) => {
      if (dollar !== undefined) return dollar;
      const name = braced ?? bare ?? '';
      const value = /^\d+$/.test(name) ? groups[Number(name)] : Object.hasOwn(named, name) && named[name];
      return value === undefined || value === false ? '' : value;
    },
  );
}
