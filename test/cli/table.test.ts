import { describe, expect, it } from 'vitest';

import { formatAge, formatSize, formatSpan, formatTable, shortId } from '../../src/cli/table.ts';
import { readTable } from '../support/pipe-table.ts';

const now = Date.parse('2024-05-01T12:00:00.000Z');

describe('tables', () => {
  it.each(readTable('cli/sizes.txt').map(({ cells }) => cells))(
    'C-70 prints %s bytes as %s',
    (bytes, text) => {
      expect(formatSize(Number(bytes))).toBe(text);
    },
  );

  it.each(readTable('cli/ages.txt').map(({ cells }) => cells))(
    'C-70 calls %s seconds ago %s',
    (seconds, text) => {
      expect(formatAge(new Date(now - Number(seconds) * 1000).toISOString(), now)).toBe(text);
    },
  );

  it('C-70 counts only whole seconds, and knows when there is no time', () => {
    expect(formatAge('2024-05-01T11:59:58.001Z', now)).toBe('1 second ago');
    for (const time of [undefined, '', 'yesterday']) expect(formatAge(time, now)).toBe('N/A');
    expect(formatSpan('2024-05-01T11:00:00Z', now)).toBe('1 hour');
  });

  it('C-70 makes columns as wide as they need, without blanks at the ends of lines', () => {
    const rows = [
      ['a-long-name', '1', ''],
      ['b', '', 'x'],
    ];
    expect(formatTable(['NAME', 'TAG', 'COMMENT'], rows)).toBe(
      'NAME          TAG   COMMENT\na-long-name   1\nb                   x\n',
    );
    expect(formatTable(['NAME', 'TAG'], [])).toBe('NAME   TAG\n');
  });

  it('C-70 keeps a row on its line, whatever an image says of itself', () => {
    const text = formatTable(['CREATED BY'], [['RUN a\n&& \u001b[2Jb\u009b31m\u202etxt']]);
    expect(text).toBe('CREATED BY\nRUN a && \ufffd[2Jb\ufffd31m\ufffdtxt\n');
  });

  it('shortens ids and digests to 12 digits', () => {
    expect(shortId(`sha256:${'ab'.repeat(32)}`)).toBe('abababababab');
    expect(shortId('cd'.repeat(32))).toBe('cdcdcdcdcdcd');
  });
});
