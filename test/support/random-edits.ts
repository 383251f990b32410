import fc from 'fast-check';
import type { RootDir } from '../../src/sys/index.ts';
import { editTree } from './tree-edits.ts';

const names = ['a', 'b', 'B', 'a.b', 'a-b', '\\xff', 'x\\ny', '-'];
const name = fc.constantFrom(...names);
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const mode = fc.constantFrom('0644', '0600', '0755', '4755', '2755', '1777', '0000');
const text = fc.constantFrom('', 'one', 'two', 'x'.repeat(40_000));

const edit = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(path, mode, text).map(([at, bits, content]) => `file ${at} ${bits} ${content}`),
  },
  { weight: 4, arbitrary: fc.tuple(path, mode).map(([at, bits]) => `dir ${at} ${bits}`) },
  { weight: 5, arbitrary: path.map((at) => `rm ${at}`) },
  { weight: 3, arbitrary: fc.tuple(path, path).map(([at, old]) => `hardlink ${at} ${old}`) },
  { weight: 3, arbitrary: fc.tuple(path, path).map(([from, to]) => `mv ${from} ${to}`) },
  { weight: 2, arbitrary: fc.tuple(path, path).map(([at, to]) => `symlink ${at} ${to}`) },
  { weight: 1, arbitrary: path.map((at) => `char ${at} 1:3`) },
  { weight: 1, arbitrary: path.map((at) => `fifo ${at} 0600`) },
  { weight: 2, arbitrary: fc.tuple(path, mode).map(([at, bits]) => `chmod ${at} ${bits}`) },
  { weight: 1, arbitrary: path.map((at) => `chown ${at} 5:6`) },
  {
    weight: 1,
    arbitrary: fc.tuple(path, fc.constantFrom('-5', '0', '77')).map(([at, time]) => `time ${at} ${time}`),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(path, fc.constantFrom('00', 'ff')).map(([at, hex]) => `xattr ${at} user.x ${hex}`),
  },
);

/** Edits that may or may not be possible on the tree they meet. */
export const randomEdits: fc.Arbitrary<string[]> = fc.array(edit, { maxLength: 30 });

/** Applies what is possible. */
export function tryEdits(root: RootDir, edits: readonly string[]): void {
  for (const line of edits) {
    try {
      editTree(root, [line]);
    } catch (error) {
      if (!(error instanceof Error) || !('syscall' in error)) throw error;
    }
  }
}
