import type { TreeEntry } from '../tree.ts';
import type { HistoryEntry, SavedImage } from './saved-image.ts';

/** What a builder made of a case, as lines to be compared and read. */
export interface Answer {
  /** One line an entry of the tree, a field of the config, a line of the history; `refused` alone when it failed. */
  readonly lines: readonly string[];
  /** The builder's words when it refused. */
  readonly message?: string;
}

/** The time that all of a context and of a base has; whatever is younger was set while building. */
export const contextTime = '2001-02-03T04:05:06Z';

const refused = 'refused';

export function refusal(message: string): Answer {
  return { lines: [refused], message };
}

/** Fields that say how a build was run, not what came of it. */
const unwanted = new Set(['Hostname', 'Domainname', 'Image', 'AttachStdin', 'AttachStdout', 'AttachStderr']);
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The image in lines: its tree as far as it differs from the base's, its config, the history since the base. */
export function answerOf({ config, history, tree, texts }: SavedImage, base: readonly TreeEntry[]): Answer {
  return { lines: [...treeLines(tree, base, texts), ...configLines(config), ...historyLines(history)] };
}

/** The names that differ from the base's, for images on it; all others, for those on nothing. */
function treeLines(
  tree: readonly TreeEntry[],
  base: readonly TreeEntry[],
  texts: SavedImage['texts'],
): string[] {
  const before = new Map(base.map((entry) => [entry.path, timeless(entry)]));
  const onBase = tree.some(({ path }) => path === 'bin/busybox');
  const now = new Set(tree.map(({ path }) => path));
  const changed = tree
    .filter((entry) => !onBase || before.get(entry.path) !== timeless(entry))
    .map((entry) => lineOf(entry, texts));
  const removed = onBase ? base.filter(({ path }) => !now.has(path)) : [];
  return [...changed, ...removed.map(({ path }) => `${nameOf(path)} removed`)].sort();
}

/** `/name mode owner time content`: short enough to be read, with the time left out where it is the context's. */
function lineOf(entry: TreeEntry, texts: SavedImage['texts']): string {
  const { path, type, mode, owner, content, hardLinkOf, mtime, xattrs } = entry;
  const name = nameOf(path);
  const words = [type === 'directory' ? `${name}/` : name];
  if (type === 'symlink') words.push('->', quoted(content ?? ''), owner);
  else words.push(mode, owner);
  words.push(...timeWords(type, mtime ?? 0));
  const text = texts.get(path);
  const sum = `sha256:${(content ?? '').slice(0, 12)}`;
  if (type === 'file') words.push(text === undefined ? sum : JSON.stringify(text));
  else if (type !== 'directory' && type !== 'symlink')
    words.push(type, ...(content === undefined ? [] : [content]));
  if (hardLinkOf !== undefined) words.push('=', nameOf(hardLinkOf));
  return [...words, ...(xattrs ?? [])].join(' ');
}

/** Only folders say that they are old: engines forget their times so often that `new` says nothing. */
function timeWords(type: TreeEntry['type'], mtime: number): string[] {
  const old = mtime === Date.parse(contextTime) / 1000;
  if (type === 'directory') return old ? ['old'] : [];
  if (old) return [];
  return [mtime > 1_600_000_000 ? 'new' : new Date(mtime * 1000).toISOString().slice(0, 19)];
}

/** For whether the base's entry was left alone: the time of a folder says nothing. */
function timeless(entry: TreeEntry): string {
  return JSON.stringify(entry.type === 'directory' ? { ...entry, mtime: 0 } : entry);
}

/** The line without the word that `timeWords` may have for a folder. */
function withoutOld(line: string): string {
  return /^\S*\/ /.test(line) ? line.replace(/ old\b/, '') : line;
}

function nameOf(path: string): string {
  return quoted(`/${path}`);
}

function quoted(text: string): string {
  return /^[!-~]+$/.test(text) ? text : JSON.stringify(text).replaceAll(' ', '\\x20');
}

function configLines(config: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(config)
    .filter(([key, value]) => !unwanted.has(key) && !isEmpty(value))
    .map(
      ([key, value]) => `${key}: ${JSON.stringify(value, sortedKeys).replace(defaultPath, 'PATH=default')}`,
    )
    .sort();
}

/** For `JSON.stringify`. */
function sortedKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Engines write absent fields in several ways. */
function isEmpty(value: unknown): boolean {
  return value === null || value === false || value === '' || (Array.isArray(value) && value.length === 0);
}

function historyLines(history: readonly HistoryEntry[]): string[] {
  return history
    .filter(({ comment }) => comment?.startsWith('Imported from') !== true)
    .map(({ created_by = '', empty_layer = false, author = '' }, at) => {
      const by = author === '' ? '' : ` by ${author}`;
      return `#${at + 1} ${JSON.stringify(created_by)}${empty_layer ? ' empty' : ''}${by}`;
    });
}

/** `- ` only theirs, `+ ` only ours, in their order. */
export function diffAnswers(theirs: readonly string[], ours: readonly string[]): string[] {
  // They may forget the time of a folder; we need not.
  const forgotten = new Set(theirs.filter((line) => withoutOld(line) === line));
  const seen = ours.map((line) => (forgotten.has(withoutOld(line)) ? withoutOld(line) : line));
  return [
    ...theirs.filter((line) => !seen.includes(line)).map((line) => `- ${line}`),
    ...seen.filter((line) => !theirs.includes(line)).map((line) => `+ ${line}`),
  ];
}
