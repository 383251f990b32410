import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder } from './corpus.ts';

/** Where tsbuild answers otherwise on purpose. */
export interface Intended {
  /** `AREA/CASE` */
  readonly name: string;
  readonly because: string;
  /** As `diffAnswers` gives them: all of them, and no more. */
  readonly lines: readonly string[];
}

/** fixtures/differential/intended.txt: blocks of `== AREA/CASE why`, then the lines of the difference. */
export function readIntended(): Map<string, Intended> {
  const [, ...blocks] = readFileSync(join(corpusFolder, 'intended.txt'), 'utf8').split(/^== /m);
  return new Map(blocks.map(parseIntended).map((each) => [each.name, each]));
}

function parseIntended(block: string): Intended {
  const [header = '', ...lines] = block.trimEnd().split('\n');
  const [, name = '', because = ''] = /^(\S+) +(.+)$/.exec(header) ?? [];
  if (because === '') throw new Error(`intended.txt: a difference needs a reason: ${header}`);
  return { name, because, lines };
}
