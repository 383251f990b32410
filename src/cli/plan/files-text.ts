import type { Json, PartChange } from '../../core/index.ts';

/** More files are counted only. */
const mostNames = 10;

/** `files changed: a.c, b.sh (mode); added: c.c; removed: d.c; 12 more`. Without their names: `files changed`. */
export function filesText(changes: readonly PartChange[]): string {
  const inside = changes.flatMap((change) => (change.kind === 'changed' ? (change.inside ?? []) : []));
  const known = changes.every((change) => change.kind === 'changed' && change.inside !== undefined);
  if (!known || inside.length === 0) return 'files changed';
  const lists = { changed: namesOf('changed'), added: namesOf('added'), removed: namesOf('removed') };
  let left = mostNames;
  const parts = Object.entries(lists).flatMap(([word, names]) => {
    const shown = names.slice(0, left);
    left -= shown.length;
    return shown.length === 0 ? [] : [`${word}: ${shown.join(', ')}`];
  });
  const more = inside.length - mostNames;
  return `files ${[...parts, ...(more > 0 ? [`${more} more`] : [])].join('; ')}`;

  function namesOf(kind: PartChange['kind']): readonly string[] {
    return inside.filter((change) => change.kind === kind).map(nameText);
  }
}

function nameText(change: PartChange): string {
  const name = change.path.at(-1) ?? '';
  const modeOnly = change.kind === 'changed' && withoutMode(change.before) === withoutMode(change.after);
  // The root of a context has no name of its own.
  return `${name === '' ? '.' : name}${modeOnly ? ' (mode)' : ''}`;
}

/** Of `file 644 sha256:…`. */
function withoutMode(version: Json): string {
  return typeof version === 'string' ? version.replace(/ \d+ /, ' ') : '';
}
