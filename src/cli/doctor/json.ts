import type { Json } from '../../core/index.ts';
import type { DoctorReport, Finding, Fix, Status } from '../../ops/index.ts';

/** Changes when something that programs may rely on does; see docs/doctor.md. */
const version = 1;

export function doctorJson({ ok, findings, together }: DoctorReport): string {
  const report: Json = {
    version,
    ok,
    summary: { ...countStatuses(findings) },
    checks: findings.map(({ id, status, found, lost, fixes }) => ({
      id,
      status,
      found,
      ...(lost !== undefined && { lost }),
      fixes: fixes.map(fixJson),
    })),
    together: together.map(fixJson),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function fixJson(fix: Fix): Json {
  return fix.kind === 'command'
    ? { kind: fix.kind, place: fix.place, text: fix.text }
    : { kind: fix.kind, text: fix.text };
}

export function countStatuses(findings: readonly Finding[]): Readonly<Record<Status, number>> {
  const count = (wanted: Status): number => findings.filter(({ status }) => status === wanted).length;
  return { ok: count('ok'), warning: count('warning'), error: count('error'), skipped: count('skipped') };
}
