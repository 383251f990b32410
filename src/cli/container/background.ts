import type { Socket } from 'node:net';

import { execProcess, type ContainerRecord, type ExecOptions } from '../../ops/index.ts';
import {
  execInContainer,
  exitCodeOf,
  startTicksOf,
  type Container,
  type ExecRequest,
} from '../../runtime/index.ts';
import { Attachments } from './attachments.ts';
import type { ExecAttachRequest } from './protocol.ts';

/** What runs in a container beside its program, for commands that do not stay. */
export class BackgroundProcesses {
  readonly #record: ContainerRecord;
  readonly #running = new Set<Container>();

  constructor(record: ContainerRecord) {
    this.#record = record;
  }

  /** With nothing for input and output; returns when it has begun. */
  async run(container: Container, options: ExecOptions): Promise<void> {
    const process = await this.#start(container, options, { stdio: 'inherit', stdin: 'none' });
    process.stdout?.resume();
    process.stderr?.resume();
    void this.#hold(process);
  }

  /** On a terminal. Who goes without a word takes it along, as a terminal that hangs up does. */
  async attach(container: Container, request: ExecAttachRequest, socket: Socket): Promise<void> {
    const { options, stdin, size } = request;
    const process = await this.#start(container, options, { stdio: 'terminal', stdin: 'stream', size });
    const onLost = (): void => void process.kill().catch(() => undefined);
    const attachments = new Attachments({ terminal: true, onLost });
    attachments.serve(process);
    await attachments.add(socket, { stdin, size });
    const passed = passOutput(process, attachments);
    void this.#hold(process, async (exitCode) => {
      await passed;
      attachments.end({ kind: 'exit', exitCode });
    });
  }

  /** The container's own program has ended. */
  async end(): Promise<void> {
    await Promise.all([...this.#running].map((process) => process[Symbol.asyncDispose]()));
  }

  async #start(
    container: Container,
    options: ExecOptions,
    { stdio, stdin, size }: Pick<ExecRequest, 'stdio' | 'stdin'> & Pick<ExecAttachRequest, 'size'>,
  ): Promise<Container> {
    const asked = execProcess(this.#record, options);
    const consoleSize = size === undefined ? undefined : { width: size.columns, height: size.rows };
    const process = await execInContainer({
      spec: this.#record.spec,
      target: { pid: container.pid, startTicks: startTicksOf(container.pid) },
      process: (root) => ({ ...asked(root), ...(consoleSize !== undefined && { consoleSize }) }),
      stdio,
      stdin,
      streams: true,
      privileged: options.privileged,
    });
    this.#running.add(process);
    return process;
  }

  /** Until it ends, or the container does. */
  async #hold(process: Container, onEnd?: (exitCode: number) => Promise<void>): Promise<void> {
    const exitCode = await process.wait().then(exitCodeOf, () => 1);
    await onEnd?.(exitCode);
    await process[Symbol.asyncDispose]();
    this.#running.delete(process);
  }
}

async function passOutput({ stdout }: Container, attachments: Attachments): Promise<void> {
  try {
    for await (const chunk of stdout ?? []) await attachments.send('stdout', chunk as Buffer);
  } catch {
    // A stream that breaks has nothing more to deliver.
  }
}
