import { beforeAll, describe, expect, it } from 'vitest';

import { built } from '../support/built-tree.ts';
import { tsbuildWithBusybox } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';

let root: string;

async function outputOf(lines: readonly string[]): Promise<string[]> {
  const context = makeContext({ Dockerfile: ['FROM busybox:1', ...lines, ''].join('\n') });
  const { output } = await built({ context, root });
  return output.trimEnd().split('\n');
}

describe('the user of a RUN step', () => {
  requires('root', 'overlay', 'tool:busybox');
  beforeAll(async () => {
    ({ root } = await tsbuildWithBusybox());
  });

  const shown = (word: string): string => `RUN echo "$(id -u) $HOME ${word}"`;
  const moveAda = (file: string): string => `RUN sed -i "s,^ada:x:1000:,ada:x:1234:," ${file}`;
  const cases: [name: string, lines: string[], output: string[]][] = [
    [
      'where a step has changed the accounts',
      [
        'USER ada',
        shown('first'),
        'USER 0',
        'RUN touch /elsewhere',
        moveAda('/etc/passwd'),
        'RUN touch /elsewhere2',
        'USER ada',
        shown('second'),
      ],
      ['1000 /tmp first', '1234 /tmp second'],
    ],
    [
      'where the accounts lie behind a link',
      [
        'RUN mkdir /data && mv /etc/passwd /data/ && ln -s ../data/passwd /etc/passwd',
        'USER ada',
        shown('third'),
        'USER 0',
        moveAda('/data/passwd'),
        'USER ada',
        shown('fourth'),
      ],
      ['1000 /tmp third', '1234 /tmp fourth'],
    ],
    [
      'where the accounts are gone',
      [shown('fifth'), 'RUN rm /etc/passwd', shown('sixth'), 'RUN touch /elsewhere3', shown('seventh')],
      ['0 /root fifth', '0 / sixth', '0 / seventh'],
    ],
    [
      'for another name at the same state',
      ['USER ada', shown('eighth'), 'USER 0', shown('ninth')],
      ['1000 /tmp eighth', '0 /root ninth'],
    ],
  ];
  it.each(cases)('L-121 is looked up again %s', async (_, lines, output) => {
    expect(await outputOf(lines)).toEqual(output);
  });
});
