import { describe, expect, it } from 'vitest';

import { idMapText, parseIdRanges, type IdRange } from '../../src/cli/rootless/id-maps.ts';
import { namespaceNeed } from '../../src/cli/rootless/needs.ts';

const ada = { name: 'ada', uid: 1000 };

const files: readonly (readonly [text: string, ranges: readonly IdRange[]])[] = [
  ['', []],
  ['ada:100000:65536\n', [{ start: 100000, size: 65536 }]],
  ['1000:100000:65536', [{ start: 100000, size: 65536 }]],
  ['adam:1:2\nbob:100000:65536\n10000:1:2\n', []],
  [
    'ada:100000:10\nbob:5:5\nada:200000:20\n',
    [
      { start: 100000, size: 10 },
      { start: 200000, size: 20 },
    ],
  ],
  // What newuidmap does not take is no range: a sign, a word, no size, too many fields, past the last id.
  ['ada:-1:5\nada:x:5\nada:100000\nada:1:2:3\nada:4294967290:10\nada:7:0\n', []],
];

const maps: readonly (readonly [ranges: readonly IdRange[], text: string])[] = [
  [[], '0 1000 1\n'],
  [[{ start: 100000, size: 65536 }], '0 1000 1\n1 100000 65536\n'],
  [
    [
      { start: 100000, size: 10 },
      { start: 200000, size: 20 },
    ],
    '0 1000 1\n1 100000 10\n11 200000 20\n',
  ],
];

const lines: readonly (readonly [line: string, need: string])[] = [
  ['', 'none'],
  ['--version', 'none'],
  ['--help', 'none'],
  ['help build', 'none'],
  ['build --help', 'none'],
  ['run -h', 'none'],
  ['version', 'none'],
  ['images', 'none'],
  ['--root /x images', 'none'],
  ['nonsense', 'none'],
  ['build .', 'enter'],
  ['.', 'enter'],
  ['-t app .', 'enter'],
  ['--root=/x -t app .', 'enter'],
  ['build --check .', 'none'],
  ['build --call=outline .', 'none'],
  ['run --rm app ls --help', 'hold'],
  ['start web', 'hold'],
  ['exec web ls', 'enter'],
];

describe('where commands of ordinary users run', () => {
  it.each(files)('R-70 reads the ranges of %j', (text, ranges) => {
    expect(parseIdRanges(text, ada)).toEqual(ranges);
  });

  it.each(maps)('R-71 maps the user to root and %j from 1 on', (ranges, text) => {
    expect(idMapText(1000, ranges)).toBe(text);
  });

  it.each(lines)('R-54 `tsbuild %s` needs of namespaces: %s', (line, need) => {
    expect(namespaceNeed(line.split(' ').filter(Boolean))).toBe(need);
  });
});
