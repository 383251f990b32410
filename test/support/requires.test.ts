import { afterEach, describe, expect, it, vi } from 'vitest';
import { has, requires, type Need } from './requires.ts';

describe('requires', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('lets a test run whose needs are there', () => {
    vi.stubEnv('TSBUILD_MUST_RUN', '1');
    expect(() => requires('tool:sh')).not.toThrow();
    expect(has('tool:sh')).toBe(true);
  });

  it.each<{ need: Need; reason: string }>([
    { need: 'tool:no-such-program', reason: 'the program no-such-program' },
    { need: 'cgroup:no-such-controller', reason: 'the cgroup controller no-such-controller' },
  ])('fails where skipping is forbidden, and names the missing $need', ({ need, reason }) => {
    vi.stubEnv('TSBUILD_MUST_RUN', '1');
    expect(() => requires('tool:sh', need)).toThrow(reason);
    expect(has(need)).toBe(false);
  });

  it('skips a running test elsewhere', (context) => {
    vi.stubEnv('TSBUILD_MUST_RUN', '');
    const skip = vi.spyOn(context, 'skip').mockReturnValue(undefined);
    requires('tool:no-such-program');
    expect(skip).toHaveBeenCalledWith('needs the program no-such-program');
  });
});
