import { expect } from 'vitest';
import { z } from 'zod';

import { checkIds } from '../../src/ops/doctor/types.ts';
import { tsbuildProgram } from './cli.ts';
import { runCommand } from './run-command.ts';

const fix = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('command'),
    place: z.enum(['shell', 'docker', 'podman', 'kubernetes']),
    text: z.string().min(1),
  }),
  z.strictObject({ kind: z.literal('advice'), text: z.string().min(1) }),
]);

/** What docs/doctor.md promises. */
export const reportSchema = z.strictObject({
  version: z.literal(1),
  ok: z.boolean(),
  summary: z.strictObject({
    ok: z.number(),
    warning: z.number(),
    error: z.number(),
    skipped: z.number(),
  }),
  checks: z.array(
    z.strictObject({
      id: z.enum(checkIds),
      status: z.enum(['ok', 'warning', 'error', 'skipped']),
      found: z.string().regex(/^.*[^.]$/),
      lost: z.string().optional(),
      fixes: z.array(fix),
    }),
  ),
  together: z.array(fix),
});

export type DoctorJson = z.infer<typeof reportSchema>;

/** Runs `doctor --format json`, and holds the exit status to what it says. */
export async function examine(root: string, through: readonly string[] = []): Promise<DoctorJson> {
  const result = await runCommand(
    [...through, tsbuildProgram, '--root', root, 'doctor', '--format', 'json'],
    {
      env: { ...process.env, TSBUILD_ROOT: undefined, NODE_EXTRA_CA_CERTS: undefined },
    },
  );
  expect(result.stderr).toBe('');
  const report = reportSchema.parse(JSON.parse(result.stdout));
  expect(result.status).toBe(report.ok ? 0 : 1);
  expect(report.ok).toBe(report.summary.error === 0);
  expect(report.checks.map(({ id }) => id)).toEqual(checkIds);
  return report;
}

export function checkOf(report: DoctorJson, id: (typeof checkIds)[number]): DoctorJson['checks'][number] {
  const found = report.checks.find((check) => check.id === id);
  if (found === undefined) throw new Error(`no check ${id}`);
  return found;
}
