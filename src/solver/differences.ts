import {
  canonicalJson,
  isJsonArray,
  isJsonObject,
  type Json,
  type PartChange,
  type PartPath,
} from '../core/index.ts';

/**
 * Compares member by member. Lists of `NAME=value` are compared by name, other lists by element between their common
 * ends, so that an element put in does not make all behind it look changed. Empty for equal values only.
 */
export function differences(before: Json, after: Json, path: PartPath = []): readonly PartChange[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (isJsonArray(before) && isJsonArray(after)) {
    const [earlier, later] = [assignmentsOf(before), assignmentsOf(after)];
    if (earlier === undefined || later === undefined) return elementChanges(before, after, path);
    const changes = memberChanges(earlier, later, path);
    return changes.length > 0 ? changes : [{ kind: 'reordered', path }];
  }
  if (isJsonObject(before) && isJsonObject(after))
    return memberChanges(membersOf(before), membersOf(after), path);
  return [{ kind: 'changed', path, before, after }];
}

function membersOf(value: { readonly [name: string]: Json | undefined }): ReadonlyMap<string, Json> {
  const members = new Map<string, Json>();
  for (const [name, member] of Object.entries(value)) if (member !== undefined) members.set(name, member);
  return members;
}

/** Undefined unless all are `NAME=value`, each name once. */
function assignmentsOf(list: readonly Json[]): ReadonlyMap<string, Json> | undefined {
  const values = new Map<string, Json>();
  for (const element of list) {
    const [, name, value] = (typeof element === 'string' && /^([A-Za-z_][^=\s]*)=(.*)$/s.exec(element)) || [];
    if (name === undefined || value === undefined || values.has(name)) return undefined;
    values.set(name, value);
  }
  return values;
}

function memberChanges(
  before: ReadonlyMap<string, Json>,
  after: ReadonlyMap<string, Json>,
  path: PartPath,
): readonly PartChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) =>
    changesAt(before.get(name), after.get(name), [...path, name]),
  );
}

/** Positions are those of the later list; of what was removed, those of the earlier one. */
function elementChanges(
  before: readonly Json[],
  after: readonly Json[],
  path: PartPath,
): readonly PartChange[] {
  const [earlier, later] = [before.map(canonicalJson), after.map(canonicalJson)];
  const shorter = Math.min(earlier.length, later.length);
  let head = 0;
  while (head < shorter && earlier[head] === later[head]) head++;
  let tail = 0;
  while (tail < shorter - head && earlier.at(-1 - tail) === later.at(-1 - tail)) tail++;
  const [gone, come] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  return Array.from({ length: Math.max(gone.length, come.length) }, (_, index) =>
    changesAt(gone[index], come[index], [...path, head + index]),
  ).flat();
}

function changesAt(before: Json | undefined, after: Json | undefined, path: PartPath): readonly PartChange[] {
  if (before !== undefined && after !== undefined) return differences(before, after, path);
  if (before !== undefined) return [{ kind: 'removed', path, before }];
  return after === undefined ? [] : [{ kind: 'added', path, after }];
}
