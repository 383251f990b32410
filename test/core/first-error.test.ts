import { describe, expect, it } from 'vitest';

import { firstError, fromErrno, TsbuildError } from '../../src/core/index.ts';

function failing(code: string): Error {
  return Object.assign(new Error(`${code}: no`), { code });
}

/** What is thrown when the work fails, and disposing of two things after it, too. */
function thrown(first: unknown): unknown {
  const held = (): Disposable => ({
    [Symbol.dispose]() {
      throw failing('EROFS');
    },
  });
  try {
    using _one = held();
    using _other = held();
    throw first;
  } catch (error) {
    return error;
  }
}

describe('S-78 of errors on top of each other the first one is told', () => {
  it('as it is, when it is one of ours', () => {
    const first = new TsbuildError('CONTEXT_CHANGED', 'it changed');
    expect(thrown(first)).not.toBe(first);
    expect(firstError(thrown(first))).toBe(first);
    expect(fromErrno(thrown(first), 'copying')).toBe(first);
  });

  it('S-72 as what a failed system call means, with what to do', () => {
    expect(fromErrno(thrown(failing('EROFS')), 'writing')).toMatchObject({
      code: 'PERMISSION_DENIED',
      hint: expect.stringContaining('mount it writable') as string,
    });
    expect(fromErrno(thrown(failing('ENOSPC')), 'copying')).toMatchObject({ code: 'DISK_FULL' });
  });

  it.each([
    [-122, 'Unknown system error -122', 'DISK_FULL'],
    [-122, 'UNKNOWN', 'DISK_FULL'],
    [-117, 'Unknown system error -117', 'IO_ERROR'],
    [-4094, 'UNKNOWN', 'IO_ERROR'],
  ])('errno %i, for which libuv has no name but %j, is %s', (errno, name, code) => {
    const error = Object.assign(new Error(`${name}: unknown error, open '/x'`), { errno, code: name });
    expect(fromErrno(error, 'writing')).toMatchObject({ code });
  });
});
