import {
  isDigest,
  type Digest,
  type InputChange,
  type Json,
  type MissReason,
  type PartChange,
} from '../../core/index.ts';
import { baseText } from './base-text.ts';
import { cut } from './cut.ts';
import { filesText } from './files-text.ts';

/** Longer values say enough by their beginning. */
const longestValue = 60;
/** More changes are counted only. */
const mostChanges = 3;

/** How the step is called that an input stands for: `[build 2/5]`. */
export type NameOf = (id: Digest) => string;

/** Why a step would run, weightiest reason first, in one line. `undecided`: that depends on what its inputs come to. */
export function reasonText(
  reasons: readonly MissReason[],
  { nameOf, undecided }: { readonly nameOf: NameOf; readonly undecided: boolean },
): string {
  const [reason] = reasons;
  switch (reason?.kind) {
    case undefined:
      return '';
    case 'no-cache':
      return 'made anew: --no-cache';
    case 'first-time':
      return 'not built before';
    case 'expired':
      return `its result of ${reason.created}, or one below it, is older than --cache-ttl`;
    case 'lost':
      return reason.pruned === undefined
        ? 'its earlier result is no longer in the store'
        : `its earlier result was pruned at ${reason.pruned}`;
    case 'definition':
      return changesText(reason.changes);
    case 'inputs':
      return inputsText(reason.inputs, { nameOf, undecided });
  }
}

function inputsText(
  inputs: readonly InputChange[],
  { nameOf, undecided }: { readonly nameOf: NameOf; readonly undecided: boolean },
): string {
  const selected = inputs.filter(({ cause }) => cause === 'selector');
  if (selected.length === inputs.length) {
    return joined(selected.map(({ id }) => `takes other files from ${nameOf(id)}`));
  }
  const others = inputs.filter(({ cause }) => cause === 'another');
  if (others.length === inputs.length) {
    return joined(others.map(({ id }) => `${nameOf(id)} stands before it now`));
  }
  const names = [...new Set(inputs.map(({ id }) => nameOf(id)))];
  if (undecided) return `runs if ${names.join(' or ')} comes out different`;
  return `${names.join(' and ')} ${names.length === 1 ? 'has' : 'have'} changed`;
}

function changesText(changes: readonly PartChange[]): string {
  const kind = changes.find(({ path }) => path[0] === 'op');
  if (kind?.kind === 'changed') return `not built before: ${instructionOf(kind.before)} stood here`;
  const files = changes.filter(({ path }) => path[0] === 'files');
  const others = changes.filter(({ path }) => path[0] !== 'files').map(changeText);
  return joined(files.length === 0 ? others : [filesText(files), ...others]);
}

function joined(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  const more = distinct.length - mostChanges;
  return [...distinct.slice(0, mostChanges), ...(more > 0 ? [`${more} more changes`] : [])].join('; ');
}

/** Names of `op` parts as Dockerfiles have them. */
function instructionOf(op: Json): string {
  const instructions: Readonly<Record<string, string>> = {
    run: 'a RUN',
    copy: 'a COPY or ADD',
    workdir: 'a WORKDIR',
    image: 'a FROM',
    merge: 'a COPY --link',
  };
  return (typeof op === 'string' ? instructions[op] : undefined) ?? 'another step';
}

/** Parts whose values are digests or of no use to anybody: that they changed is all there is to say. */
const plainTexts: Readonly<Record<string, string>> = {
  heredocs: 'the text of a heredoc changed',
  script: 'its script changed',
  digest: 'the file behind the URL changed',
  modified: 'the time of the file behind the URL changed',
  mounts: 'its mounts changed',
};

const partNames: Readonly<Record<string, string>> = {
  cwd: 'the working directory',
  extraHosts: 'the extra hosts',
  given: 'what the flags give to RUN steps (capabilities, volumes and their like)',
};

/** One change in words. */
export function changeText(change: PartChange): string {
  const [part = '', ...below] = change.path;
  const plain = Object.hasOwn(plainTexts, part) ? plainTexts[part] : undefined;
  if (plain !== undefined) return plain;
  if (part === 'chain') return baseText(change);
  if (part === 'argv') {
    return change.kind === 'changed' ? `the command was ${valueText(change.before)}` : 'the command changed';
  }
  if (part === 'origins' && below.includes('paths') && change.kind === 'changed') {
    return `its source was ${valueText(change.before)}, is ${valueText(change.after)}`;
  }
  if (part === 'origins') return 'its sources changed';
  const name = part === 'env' && below.length > 0 ? below.join('.') : partName(part, below);
  switch (change.kind) {
    case 'changed':
      return `${name} was ${valueText(change.before)}, is ${valueText(change.after)}`;
    case 'added':
      return `${name} is new: ${valueText(change.after)}`;
    case 'removed':
      return `${name} is gone: was ${valueText(change.before)}`;
    case 'reordered':
      return `${name} is in another order`;
  }
}

function partName(part: string | number, below: PartChange['path']): string {
  const known = Object.hasOwn(partNames, part) ? partNames[part] : undefined;
  return known ?? [part, ...below].join('.');
}

function valueText(value: Json): string {
  if (value === null || value === '') return 'not set';
  if (typeof value === 'string' && isDigest(value)) return value.slice(0, 19);
  return cut(JSON.stringify(value), longestValue);
}
