import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

export interface CommandResult {
  /** The exit status; 128 + n when signal n ended it. */
  readonly status: number;
  /** Bytes as they came; `stdout` and `stderr` are these as UTF-8. */
  readonly stdoutBytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Fed to the command's standard input, which is empty otherwise. */
  readonly input?: string | Uint8Array | Readable;
}

/** Runs a program to its end, whatever that is. Rejects only when it cannot be started. */
export async function runCommand(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  const { cwd, env, input } = options;
  const child = spawn(program, args, { cwd, env: env ?? process.env, stdio: 'pipe' });
  // A program that ends without reading its input is no failure of the test.
  child.stdin.on('error', () => undefined);
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) child.stdin.end(input);
  else input.pipe(child.stdin);
  const [stdoutBytes, stderrBytes, status] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(code ?? 128 + signalNumber(signal)));
    }),
  ]);
  return { status, stdoutBytes, stdout: stdoutBytes.toString(), stderr: stderrBytes.toString() };
}

/** Runs a program that must succeed, and returns its standard output without the last line end. */
export async function runOk(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await runCommand(argv, options);
  if (status !== 0) {
    throw new Error(`${argv.join(' ')} ended with ${status}:\n${stdout.slice(-2000)}${stderr.slice(-4000)}`);
  }
  return stdout.replace(/\n$/, '');
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}
