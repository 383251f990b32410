import { createReadStream } from 'node:fs';

import { nearestName, TsbuildError } from '../core/index.ts';
import * as z from 'zod/mini';
import type { PolicyRule, Selector, SourcePolicy } from './types.ts';

const maxBytes = 4 * 2 ** 20;
const maxRules = 10_000;

const actions = ['ALLOW', 'DENY', 'CONVERT'] as const;
const matchTypes = ['WILDCARD', 'EXACT', 'REGEX'] as const;
const conditions = ['EQUAL', 'NOTEQUAL', 'MATCHES'] as const;

/** By name or by number, as protobuf's JSON has them; what is left out is the first. */
function words<const T extends readonly [string, ...string[]]>(names: T) {
  const number = z.pipe(
    z.int().check(z.minimum(0), z.maximum(names.length - 1)),
    z.transform((index): T[number] => names[index] ?? names[0]),
  );
  return z.optional(z.union([z.enum(names), number]));
}

const text = z.string().check(z.maxLength(8192));
const attrs = z.nullish(z.record(z.string(), text));
const constraintSchema = z.strictObject({ key: text, value: z.optional(text), condition: words(conditions) });
// Go's decoder knows `match_type`, protobuf's JSON and buildah `matchType`.
const selectorSchema = z.strictObject({
  identifier: text.check(z.minLength(1)),
  match_type: words(matchTypes),
  matchType: words(matchTypes),
  constraints: z.nullish(z.array(constraintSchema)),
});
const updatesSchema = z.strictObject({ identifier: z.optional(text), attrs });
const rule = z.strictObject({
  action: words(actions),
  selector: selectorSchema,
  updates: z.nullish(updatesSchema),
});
const policy = z.strictObject({
  version: z.optional(z.int().check(z.minimum(0), z.maximum(1))),
  rules: z.nullish(z.array(rule).check(z.maxLength(maxRules))),
});

const keys = [
  ...['version', 'rules', 'action', 'selector', 'updates', 'identifier', 'attrs', 'match_type', 'matchType'],
  ...['constraints', 'key', 'value', 'condition'],
];

/**
 * Reads a policy of a file or a pipe. A key that is not known is refused, though BuildKit passes over it: a rule that
 * says less than its author wrote lets through what it was to stop. Throws POLICY_INVALID.
 */
export async function readSourcePolicy(path: string): Promise<SourcePolicy> {
  return parseSourcePolicy(await readPolicyText(path), path);
}

export async function readPolicyText(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw invalid(path, `it is larger than ${maxBytes / 2 ** 20} MiB`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof TsbuildError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw new TsbuildError('POLICY_INVALID', `cannot read ${path}: ${problem}`, {
      hint: 'give the path of a JSON file',
      cause: error,
    });
  }
  return Buffer.concat(chunks).toString();
}

/** `name` is the file's, for messages. Throws POLICY_INVALID. */
export function parseSourcePolicy(json: string, name: string): SourcePolicy {
  const read = policy.safeParse(parsed(json, name));
  if (!read.success) {
    const { issues } = read.error;
    // A mistyped key is missing under its right name, too.
    throw invalid(name, problemOf(issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]));
  }
  const rules = (read.data.rules ?? []).map((written, index): PolicyRule => {
    const { identifier, match_type: ours, matchType, constraints } = written.selector;
    const action = written.action ?? 'ALLOW';
    const updates = written.updates ?? undefined;
    if (action === 'CONVERT' && updates === undefined)
      throw invalid(name, `rule ${index + 1} is to convert, but has no updates`);
    const selector: Selector = {
      identifier,
      matchType: ours ?? matchType ?? 'WILDCARD',
      constraints: (constraints ?? []).map(({ key, value = '', condition = 'EQUAL' }) => ({
        key,
        value,
        condition,
      })),
    };
    return {
      action,
      selector,
      updates: updates && { identifier: updates.identifier, attrs: updates.attrs ?? {} },
    };
  });
  return { name, rules };
}

function parsed(json: string, name: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    throw invalid(name, 'it is not JSON', error);
  }
}

function problemOf(issue: z.core.$ZodIssue | undefined): string {
  const [list, index, ...rest] = issue?.path ?? [];
  const numbered =
    list === 'rules' && typeof index === 'number' ? [`rule ${index + 1}`, ...rest] : issue?.path;
  const place = (numbered ?? []).map(String).join('.');
  const [key] = issue?.code === 'unrecognized_keys' ? issue.keys : [];
  if (key === undefined)
    return `${place === '' ? 'the file' : place} makes no sense: ${issue?.message ?? ''}`;
  const near = nearestName(key, keys);
  const meant = near === undefined ? '' : `; did you mean ${near}?`;
  return `${place === '' ? 'it' : place} has an unknown key ${JSON.stringify(key)}${meant}`;
}

function invalid(name: string, problem: string, cause?: unknown): TsbuildError {
  return new TsbuildError('POLICY_INVALID', `${name} is no source policy: ${problem}`, {
    hint: 'the format is the JSON that BuildKit reads, see docs/policy.md',
    cause,
  });
}
