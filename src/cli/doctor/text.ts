import type { DoctorReport, Finding, Fix, Status } from '../../ops/index.ts';
import { displayWidth, printableLine } from '../terminal-text.ts';
import { countStatuses } from './json.ts';

/** How parts of the report look; text for a file stays as it is. */
export type Paint = (look: Status | 'heading' | 'dim' | 'command', text: string) => string;

export interface TextOptions {
  /** Columns; undefined where lines may be of any length. */
  readonly width: number | undefined;
  readonly paint: Paint;
}

/** Each with a word: no meaning rests on the mark, or on its colour. */
const marks: Readonly<Record<Status, string>> = { ok: '✓', warning: '!', error: '✗', skipped: '-' };

/** Narrower terminals wrap. */
const narrowest = 60;

/**
 * ```
 * root on Debian GNU/Linux 12 (bookworm)
 *
 * ✓ ok       kernel           Linux 6.1.0 on x86_64, with all system calls that are needed
 * ! warning  cgroups          v2, not writable
 *                             lost: limits …
 *                             run:  mount -o remount,rw /sys/fs/cgroup
 *
 * 14 checks: 13 ok, 1 warning
 * builds work here
 * ```
 */
export function doctorText(report: DoctorReport, options: TextOptions): string {
  const { findings, facts } = report;
  const column = Math.max(...findings.map(({ id }) => id.length));
  const heading = printableLine(`${facts.user.name} on ${facts.system.name}`);
  const checks = findings.map((finding) => findingText(finding, { ...options, column }));
  const together = togetherText(report, options);
  return `${options.paint('heading', heading)}\n\n${checks.join('')}\n${together}${summaryText(report, options)}`;
}

function findingText(
  { id, status, found, lost, fixes }: Finding,
  { paint, width, column }: TextOptions & { readonly column: number },
): string {
  const word = status.padEnd('skipped'.length);
  const start = `${marks[status]} ${word}  ${id.replaceAll('-', ' ').padEnd(column)}  `;
  const indent = ' '.repeat(start.length);
  const room = width === undefined ? undefined : Math.max(width, narrowest) - start.length;
  const [first = '', ...rest] = wrap(found, room);
  const look = (line: string): string => (status === 'skipped' ? paint('dim', line) : line);
  const head = `${paint(status, start.slice(0, word.length + 2))}${start.slice(word.length + 2)}${look(first)}\n`;
  const lines = [
    ...rest.map(look),
    ...(lost === undefined ? [] : labelled('lost', lost, room).map((line) => paint('dim', line))),
    ...fixes.flatMap((fix) => fixLines(fix, room, paint)),
  ];
  return `${head}${lines.map((line) => `${indent}${line}\n`).join('')}`;
}

const places = {
  shell: '',
  docker: 'to docker run',
  podman: 'to podman run',
  kubernetes: 'to the pod',
} as const;

/** Commands are never cut or wrapped: they are there to be copied. */
function fixLines(fix: Fix, room: number | undefined, paint: Paint): readonly string[] {
  if (fix.kind === 'advice') return labelled('fix', fix.text, room);
  const text = paint('command', printableLine(fix.text));
  return [fix.place === 'shell' ? `run:  ${text}` : `add:  ${text}  (${places[fix.place]})`];
}

function labelled(label: string, text: string, room: number | undefined): readonly string[] {
  const start = `${label}:`.padEnd(6);
  const lines = wrap(text, room === undefined ? undefined : room - start.length);
  return lines.map((line, index) => `${index === 0 ? start : ' '.repeat(start.length)}${line}`);
}

/** Lines of at most `room` columns, broken at blanks; a longer word stays whole. */
function wrap(text: string, room: number | undefined): readonly string[] {
  const clean = printableLine(text);
  if (room === undefined || displayWidth(clean) <= room) return [clean];
  const lines: string[] = [];
  let line = '';
  for (const word of clean.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(longer) > room) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

function togetherText({ together }: DoctorReport, { paint }: TextOptions): string {
  if (together.length === 0) return '';
  const lines = together.flatMap((fix) => fixLines(fix, undefined, paint));
  return `all that the container around tsbuild lacks:\n${lines.map((line) => `  ${line}\n`).join('')}\n`;
}

function summaryText({ ok, findings }: DoctorReport, { paint }: TextOptions): string {
  const counts = countStatuses(findings);
  const words = (Object.keys(counts) as Status[])
    .filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${nameOf(status, counts[status])}`);
  const failing = findings
    .filter(({ status }) => status === 'error')
    .map(({ id }) => id.replaceAll('-', ' '));
  const verdict = ok
    ? paint('ok', `builds work here${counts.warning === 0 ? '' : ', without what is marked as lost'}`)
    : paint('error', `builds fail here: ${failing.join(', ')}`);
  return `${findings.length} checks: ${words.join(', ')}\n${verdict}\n`;
}

function nameOf(status: Status, count: number): string {
  return count === 1 || status === 'ok' || status === 'skipped' ? status : `${status}s`;
}
