import { describe, expect, it } from 'vitest';
import { ReportReader, type Report } from '../../src/runtime/reports.ts';
import { encodeRequest } from '../../src/runtime/index.ts';
import { startLauncher } from '../../src/sys/index.ts';

const magic = 0x4c425354;

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32LE(value >>> 0, index * 4));
  return bytes;
}

/** Header and operations, whatever they are. */
function request(...operations: Buffer[]): Buffer {
  const body = Buffer.concat(operations);
  return Buffer.concat([u32(magic, 1, body.length), body]);
}

/** All that a launcher reports to these bytes, until it is let go. */
async function reportsTo(bytes: Buffer): Promise<Report[]> {
  const launcher = startLauncher({ output: 'pipe' });
  const reader = new ReportReader();
  const reports: Report[] = [];
  launcher.control.on('data', (chunk: Buffer) => {
    reports.push(...reader.push(chunk));
    launcher.control.end();
  });
  launcher.control.on('error', () => undefined);
  launcher.control.write(bytes);
  // Refused is refused: never a crash.
  expect(await launcher.ended).toBe('complete');
  return reports;
}

describe('a request', () => {
  const cases: [name: string, bytes: Buffer, text: string][] = [
    ['of another format', u32(0x7f454c46, 1, 0), 'request of another version'],
    ['of a newer version', u32(magic, 2, 0), 'request of another version'],
    ['larger than any', u32(magic, 1, 1 << 30), 'request too large'],
    ['without operations', request(), 'request cut short'],
    ['with a cut operation', request(u32(1, 100)), 'request cut short'],
    ['with an operation longer than memory', request(u32(1, 0xffffffff)), 'request cut short'],
    ['with an unknown operation', request(u32(999, 0)), 'unknown operation'],
    ['with one of the inner process too early', request(u32(31, 0)), 'unknown operation'],
    ['with bytes left over', request(u32(1, 8, 0, 7)), 'malformed operation'],
    ['with a list longer than its operation', request(u32(1, 4, 9)), 'malformed operation'],
    ['with a string longer than its operation', request(u32(1, 8, 1, 99)), 'malformed operation'],
    ['with a string not ended', request(u32(1, 13, 1, 4), Buffer.from('abcdX')), 'malformed operation'],
    ['with a NUL inside a string', request(u32(1, 13, 1, 4), Buffer.from('a\0cd\0')), 'malformed operation'],
  ];
  it.each(cases)('%s is refused', async (_, bytes, text) => {
    expect(await reportsTo(bytes)).toMatchObject([{ kind: 'error', aboutExec: false, text }]);
  });

  it('the builder that leaves in the middle of a request leaves nothing', async () => {
    const whole = encodeRequest([{ kind: 'cleanup', folders: ['/no/such/folder'] }]);
    for (const end of [0, 3, 12, whole.length - 1]) {
      const launcher = startLauncher({ output: 'pipe' });
      launcher.control.resume();
      launcher.control.on('error', () => undefined);
      launcher.control.end(whole.subarray(0, end));
      expect(await launcher.ended).not.toBe('killed');
    }
  });
});
