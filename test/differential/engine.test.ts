import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { diffAnswers } from '../support/differential/answer.ts';
import { answerTo, prepareArea, type Builder } from '../support/differential/builder.ts';
import { readCorpus, type Area, type Case } from '../support/differential/corpus.ts';
import { dockerBuilder } from '../support/differential/docker-builder.ts';
import { fileServer } from '../support/differential/file-server.ts';
import { readRecords, type Recorded } from '../support/differential/record.ts';
import { requires } from '../support/requires.ts';
import { dockerEngine } from '../support/shared-engine.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Chosen by the names alone, so that every run asks the same. */
const sampled = 16;

interface Sample {
  readonly area: Area;
  readonly asked: Case;
  readonly recorded: Recorded;
}

/** As many of each area as of any other, as far as the system's engine gave the recorded answer in `kind`. */
function sample(kind: 'buildkit' | 'classic', count: number): Sample[] {
  const byArea = readCorpus().map((area) => {
    const records = readRecords(area.name);
    return area.cases.flatMap((asked): Sample[] => {
      const recorded = records.get(asked.name);
      return recorded?.same.some((name) => name.endsWith(kind)) === true ? [{ area, asked, recorded }] : [];
    });
  });
  const spread = [...Array(count).keys()].flatMap((round) => {
    const area = byArea[round % byArea.length] ?? [];
    const [chosen] = area.splice((round * 7) % Math.max(area.length, 1), 1);
    return chosen === undefined ? [] : [chosen];
  });
  return spread;
}

describe.each(['buildkit', 'classic'] as const)('the system’s engine, %s', (kind) => {
  requires('root', 'docker', 'tool:busybox', 'tool:getfattr');
  let builder: Builder;
  beforeAll(async () => {
    builder = await dockerBuilder(await dockerEngine(), kind);
  });

  it.each(sample(kind, sampled))(
    'still answers $asked.title ($area.name/$asked.name) as recorded',
    async ({ area, asked, recorded }) => {
      await using server = await fileServer();
      const folder = join(tempFolder(area.name).path, 'area');
      mkdirSync(folder);
      const prepared = await prepareArea(area, folder);
      await builder.importBase(prepared.baseTar, 'base');
      const theirs = await answerTo(builder, asked, { prepared, server: server.url });
      expect(diffAnswers(theirs.lines, recorded.lines)).toEqual([]);
    },
  );
});
