import { expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { planCase, type PlanCase } from './plan-text.ts';

/** A Dockerfile that cannot be planned, and how that is told. */
export interface PlanMistake {
  readonly title: string;
  readonly text: string;
  readonly options?: PlanCase;
  readonly code: string;
  readonly message: string | RegExp;
  readonly hint?: RegExp;
  /** `Dockerfile:2` unless told; null for an error of the command line, which has no place. */
  readonly at?: string | null;
}

/** A test for each. */
export function itRefuses(mistakes: readonly PlanMistake[]): void {
  it.each(mistakes)('$title', async ({ text, options, code, message, hint, at = 'Dockerfile:2' }) => {
    const error = await planError(text, options);
    expect(error).toMatchObject({ code });
    if (typeof message === 'string') expect(error.message).toBe(message);
    else expect(error.message).toMatch(message);
    if (hint !== undefined) expect(error.hint).toMatch(hint);
    const place = error.at === undefined ? null : `${error.at.file}:${error.at.range.startLine}`;
    expect(place).toBe(at);
  });
}

/** Base triggers, for what ONBUILD brings in. */
export function withTriggers(...triggers: readonly string[]): PlanCase {
  return { bases: { base: { config: { OnBuild: triggers } } } };
}

async function planError(text: string, options?: PlanCase): Promise<TsbuildError> {
  try {
    await planCase(text, options);
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  throw new Error('the plan was made');
}
