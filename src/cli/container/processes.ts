import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { TsbuildError } from '../../core/index.ts';
import { runTool } from '../../sys/index.ts';

export interface ProcessTable {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** In the pid namespace of the container itself. */
  readonly inside: boolean;
}

/** Host pids of all processes of the container whose PID 1 this is, ascending: its pid namespace, and what is below. */
export function processesOf(pid: number): readonly number[] {
  const own = namespaceOf(pid);
  // One that shares this machine's processes has those that its first one started.
  const namespace = own === namespaceOf(process.pid) ? undefined : own;
  const all = readdirSync('/proc').flatMap((name) => entryOf(name, namespace));
  const found = new Set([pid, ...all.filter(({ inside }) => inside).map((entry) => entry.pid)]);
  // Those of namespaces made inside: a parent may have a higher number than its child.
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const entry of all) if (found.has(entry.parent)) found.add(entry.pid);
  }
  return [...found].sort((a, b) => a - b);
}

function entryOf(name: string, namespace: string | undefined): ProcessEntry[] {
  if (!/^\d+$/.test(name)) return [];
  const pid = Number(name);
  const parent = Number(statOf(pid)?.[1] ?? 0);
  return [{ pid, parent, inside: namespace !== undefined && namespaceOf(pid) === namespace }];
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** The fields of /proc/PID/stat behind the name; proc(5) counts them from 3. Undefined when the process is gone. */
function statOf(pid: number): readonly string[] | undefined {
  const text = tryRead(`/proc/${pid}/stat`);
  return text?.replace(/^.*\) /s, '').split(' ');
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** USER_HZ: what the kernel counts times in for programs, on every architecture. */
const ticksPerSecond = 100;

/** The columns of `ps -ef`, as docker shows them. */
export function processTable(pid: number): ProcessTable {
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? 0);
  const rows = processesOf(pid).flatMap((one) => rowOf(one, boot) ?? []);
  return { headings: ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'], rows };
}

function rowOf(pid: number, boot: number): [readonly string[]] | undefined {
  const stat = statOf(pid);
  const status = tryRead(`/proc/${pid}/status`);
  if (stat === undefined || status === undefined) return undefined;
  const [, parent = '', , , terminal = '0'] = stat;
  const used = (Number(stat[11]) + Number(stat[12])) / ticksPerSecond;
  const began = boot + Number(stat[19]) / ticksPerSecond;
  const age = Math.max(1, Date.now() / 1000 - began);
  const uid = /^Uid:\s*(\d+)/m.exec(status)?.[1] ?? '';
  const name = /^Name:\s*(.*)$/m.exec(status)?.[1] ?? '';
  const line = (tryRead(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
  return [
    [
      uid,
      String(pid),
      parent,
      String(Math.min(99, Math.floor((used / age) * 100))),
      new Date(began * 1000).toTimeString().slice(0, 5),
      terminalName(Number(terminal)),
      clock(used),
      Buffer.from(line === '' ? `[${name}]` : line, 'latin1').toString(),
    ],
  ];
}

/** tty_nr of proc(5): a pseudo-terminal has one of the major numbers 136 to 143. */
function terminalName(number: number): string {
  const major = (number >> 8) & 0xfff;
  const minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  if (number === 0) return '?';
  return major >= 136 && major <= 143 ? `pts/${(major - 136) * 256 + minor}` : `${major}:${minor}`;
}

function clock(seconds: number): string {
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
}

/** What this machine's ps(1) says about them. Throws USAGE for options that it refuses or that hide the pid. */
export async function processTableOf(pid: number, options: readonly string[]): Promise<ProcessTable> {
  const { status, stdout, stderr } = await runTool(['ps', ...options]);
  if (status !== 0)
    throw new TsbuildError('USAGE', `ps refuses its options: ${stderr.trim().split('\n')[0] ?? ''}`);
  const [head = '', ...lines] = stdout.toString().trimEnd().split('\n');
  const headings = head.trim().split(/\s+/);
  const column = headings.indexOf('PID');
  if (column < 0) {
    throw new TsbuildError('USAGE', 'the options of ps leave out the column PID', {
      hint: 'without it the processes of the container cannot be told from others',
    });
  }
  const wanted = new Set(processesOf(pid).map(String));
  const rows = lines
    .map((line) => cellsOf(line, headings.length))
    .filter((row) => wanted.has(row[column] ?? ''));
  return { headings, rows };
}

/** The last column has the rest of the line. */
function cellsOf(line: string, count: number): readonly string[] {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
}
