import { describe, expect, it } from 'vitest';

import {
  countTries,
  CutOffError,
  HttpStatusError,
  parseRetryAfter,
  type RetryPolicy,
} from '../../src/http/index.ts';
import { parseReference } from '../../src/oci/index.ts';
import { readRepository } from '../../src/registry/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';

const retry = { tries: 2, first: 1, longest: 5, patience: 100 };

async function hintOf(headers: Readonly<Record<string, string>>): Promise<string> {
  await using proxy = await startFaultProxy(undefined, (request, response) => {
    const isProbe = request.url === '/v2/';
    response.writeHead(isProbe ? 200 : 429, isProbe ? {} : headers).end();
    return true;
  });
  const reading = readRepository(parseReference(`${proxy.host}/a:1`), { retry }, async (open) =>
    open.manifest(),
  );
  const error = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'REGISTRY_ERROR' });
  return (error as { hint: string }).hint;
}

describe('limits of a registry are told', () => {
  it.each([
    [
      { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' },
      'its limit is 100 in 6 h, 0 remain: wait, log in, or use a mirror',
    ],
    [{ 'ratelimit-limit': '100' }, 'its limit is 100: wait, log in, or use a mirror'],
    [{ 'retry-after': '90' }, 'it asks to wait 90 s: wait, log in, or use a mirror'],
    [{ 'retry-after': '600' }, 'it asks to wait 10 min: wait, log in, or use a mirror'],
    [
      { 'ratelimit-limit': '\u00e9[31m;w=x', 'ratelimit-remaining': '-1', 'retry-after': 'soon' },
      'wait, log in, or use a mirror',
    ],
    [{}, 'wait, log in, or use a mirror'],
  ])('G-43 G-32 %j', async (headers, hint) => {
    expect(await hintOf(headers)).toBe(hint);
  });
});

const status = (code: number, retryAfter?: number): HttpStatusError =>
  new HttpStatusError({ status: code, detail: '', retryAfter });
const policy: RetryPolicy = { tries: 5, first: 100, longest: 1000, patience: 10_000 };

describe('how long is waited', () => {
  it('G-32 longer each time, with jitter, five times', () => {
    for (let run = 0; run < 50; run += 1) {
      const tries = countTries(policy);
      const delays = Array.from({ length: 5 }, () => tries.next(status(503)));
      expect(delays.pop()).toBeUndefined();
      delays.forEach((delay, index) => {
        expect(delay).toBeGreaterThanOrEqual(50 * 2 ** index);
        expect(delay).toBeLessThanOrEqual(100 * 2 ** index);
      });
    }
    const seen = new Set(Array.from({ length: 20 }, () => countTries(policy).next(status(503))));
    expect(seen.size).toBeGreaterThan(1);
  });

  it('G-32 never less than Retry-After, and not at all beyond patience', () => {
    for (let run = 0; run < 50; run += 1) {
      const delay = countTries(policy).next(status(429, 5000));
      expect(delay).toBeGreaterThanOrEqual(5000);
      expect(delay).toBeLessThanOrEqual(5500);
    }
    expect(countTries(policy).next(status(429, 10_001))).toBeUndefined();
    expect(countTries(policy).next(status(429, 0))).toBe(0);
  });

  it('G-32 progress gives new tries, but no new budget', () => {
    const tries = countTries({ ...policy, budget: 1000 });
    let waited = 0;
    let count = 0;
    while (count < 1000) {
      tries.progressed();
      const delay = tries.next(new CutOffError('cut'));
      if (delay === undefined) break;
      waited += delay;
      count += 1;
    }
    expect(count).toBeGreaterThan(policy.tries);
    expect(waited).toBeLessThanOrEqual(1000);
    expect(waited).toBeGreaterThanOrEqual(900);
  });

  it.each([400, 401, 403, 404, 405, 413, 416, 501, 505])('G-32 status %d is final', (code) => {
    expect(countTries(policy).next(status(code))).toBeUndefined();
  });

  it.each([
    ['120', 120_000],
    [' 1 ', 1000],
    ['Thu, 01 Jan 1970 00:01:00 GMT', 60_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['-1', undefined],
    ['soon', undefined],
    ['9999999999', undefined],
  ])('G-32 Retry-After %j', (header, expected) => {
    expect(parseRetryAfter(header, 0)).toBe(expected);
  });
});
