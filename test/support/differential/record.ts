import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder } from './corpus.ts';

/** The oracle's answer to one case, as it is kept. */
export interface Recorded {
  readonly name: string;
  /** The builder whose answer this is. */
  readonly by: string;
  /** Builders that gave the same. */
  readonly same: readonly string[];
  readonly lines: readonly string[];
  /** Words of those who refused: the oracle's, and ours, to be read side by side. */
  readonly theirs?: string | undefined;
  readonly ours?: string | undefined;
}

export function recordFile(area: string): string {
  return join(corpusFolder, 'recorded', `${area}.txt`);
}

export function readRecords(area: string): Map<string, Recorded> {
  const file = recordFile(area);
  if (!existsSync(file)) return new Map();
  const [, ...blocks] = readFileSync(file, 'utf8').split(/^== /m);
  return new Map(blocks.map(parseRecord).map((record) => [record.name, record]));
}

export function formatRecords(records: readonly Recorded[]): string {
  return records.map(formatRecord).join('\n');
}

function parseRecord(block: string): Recorded {
  const [name = '', ...lines] = block.trimEnd().split('\n');
  const value = (key: string): string | undefined =>
    lines.find((line) => line.startsWith(`${key}: `))?.slice(key.length + 2);
  return {
    name,
    by: value('by') ?? '',
    same: value('same')?.split(', ') ?? [],
    lines: lines.filter((line) => !/^(by|same|theirs|ours): /.test(line)),
    theirs: value('theirs'),
    ours: value('ours'),
  };
}

function formatRecord({ name, by, same, lines, theirs, ours }: Recorded): string {
  const value = (key: string, text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : [`${key}: ${text}`];
  const head = [`== ${name}`, `by: ${by}`, ...value('same', same.join(', '))];
  return [...head, ...lines, ...value('theirs', theirs), ...value('ours', ours), ''].join('\n');
}
