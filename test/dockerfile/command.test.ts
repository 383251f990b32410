import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { TsbuildError } from '../../src/core/index.ts';
import {
  heredocAlone,
  parseDockerfile,
  parseTrigger,
  shebangScript,
  shellScript,
  type ShellCommand,
} from '../../src/dockerfile/index.ts';

function commandOf(run: string): ShellCommand {
  const instruction = parseDockerfile(`FROM a\n${run}`, 'Dockerfile').stages[0]!.instructions[0]!;
  if (instruction.kind !== 'run' || instruction.command.form !== 'shell') throw new Error('not a shell RUN');
  return instruction.command;
}

/** What a real shell prints for the script. */
function output(run: string, shell = 'sh'): string {
  // Where its standard input is a socket, bash takes itself for a remote shell and reads the user's .bashrc.
  const { error, stdout, stderr } = spawnSync(shell, ['-c', shellScript(commandOf(run))], {
    encoding: 'utf8',
    env: { A: 'alpha' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error !== undefined) throw error;
  expect(stderr).toBe('');
  return stdout;
}

describe('shellScript', () => {
  it('L-120 is the text of a plain command, continuations joined', () => {
    expect(shellScript(commandOf('RUN --network=none echo a \\\n  # note\n  && echo b\n'))).toBe(
      'echo a   && echo b',
    );
    expect(output('RUN echo "$A  b" \\\n  && echo \'$A\'\n')).toBe('alpha  b\n$A\n');
  });

  it('L-045 is the body of a heredoc alone', () => {
    expect(shellScript(commandOf('RUN <<EOF\necho a\necho $A\nEOF\n'))).toBe('echo a\necho $A\n');
    expect(output('RUN <<EOF\necho a\necho $A\nEOF\n')).toBe('a\nalpha\n');
    expect(output('RUN <<-"EOF"\n\techo a\n\t\techo $A\n\tEOF\n')).toBe('a\nalpha\n');
  });

  it('L-046 gives the shell its heredocs back', () => {
    const run = 'RUN cat <<A && cat <<-"B" \\\n  && cat <<C\n1 $A\nA\n\t2 $A\n\tB\n3\nC\n';
    expect(shellScript(commandOf(run))).toBe('cat <<A && cat <<-"B"   && cat <<C\n1 $A\nA\n\t2 $A\nB\n3\nC');
    expect(output(run)).toBe('1 alpha\n2 $A\n3\n');
  });

  it('L-046 L-049 gives a heredoc to another program or descriptor', () => {
    expect(output('RUN <<EOF tr a-z A-Z\nabc $A\nEOF\n')).toBe('ABC ALPHA\n');
    expect(output('RUN cat 3<<X <&3\nthree\nX\n', 'bash')).toBe('three\n');
  });

  it('L-044 keeps carriage returns of the body', () => {
    expect(output('RUN cat <<EOF\r\na\r\nb\r\nEOF\r\n')).toBe('a\r\nb\r\n');
  });
});

describe('heredocAlone and shebangScript', () => {
  it.each([
    ['RUN <<EOF\na\nEOF\n', 'EOF', undefined],
    ['RUN --network=none <<EOF\na\nEOF\n', 'EOF', undefined],
    ['RUN 3<<-"E F"\na\nE F\n', 'E F', undefined],
    ['RUN <<EOF cat\na\nEOF\n', undefined, undefined],
    ['RUN cat <<EOF\n#!/bin/sh\nEOF\n', undefined, undefined],
    ['RUN <<A <<B\n1\nA\n2\nB\n', undefined, undefined],
    ['RUN a\n', undefined, undefined],
    ['RUN <<x.py\n#!/usr/bin/python3\nprint(1)\nx.py\n', 'x.py', 'x.py'],
    ['RUN <<-x\n#!/bin/sh\n\techo a\nx\n', 'x', 'x'],
    ['RUN <<-x\n\t#!/bin/sh\n\techo a\nx\n', 'x', 'x'],
    ['RUN <<x\n\t#!/bin/sh\nx\n', 'x', undefined],
    ['RUN <<x\n #!/bin/sh\nx\n', 'x', undefined],
    ['RUN <<x\nx\n', 'x', undefined],
  ])('L-045 %j: alone %s, executed %s', (run, alone, executed) => {
    expect(heredocAlone(commandOf(run))?.name).toBe(alone);
    expect(shebangScript(commandOf(run))?.name).toBe(executed);
  });
});

describe('parseTrigger', () => {
  const file = 'ONBUILD trigger of base image app';

  it('L-202 L-108 reads an instruction, whose place is in the trigger', () => {
    const { instruction, source } = parseTrigger('COPY --from=x . /app', file);
    expect(instruction).toMatchObject({ kind: 'copy', from: 'x', range: { startLine: 1, endLine: 1 } });
    expect(source).toMatchObject({ file, lines: ['COPY --from=x . /app'], directives: { escape: '\\' } });
  });

  it.each([
    ['RUN <<EOF\na $X\nEOF'],
    ['RUN cat <<A <<-"B" 3<<C\n1\nA\n\t2\nB\n3\r\nC'],
    ['RUN <<-x\n\t#!/bin/sh\n\techo\nx'],
    ['COPY <<a <<-"b" /x/\n$1\na\n\t2\nb'],
    ['ADD --chmod=755 <<a file /x/\na'],
  ])('L-048 what ONBUILD keeps of %j reads as that instruction', (instruction) => {
    const inner = (text: string) => parseDockerfile(text, 'Dockerfile').stages[0]!.instructions[0]!;
    const onbuild = inner(`FROM a\nONBUILD ${instruction}\n`);
    if (onbuild.kind !== 'onbuild') throw new Error('not ONBUILD');
    expect(onbuild.trigger).toBe(instruction);
    const { range: _, ...direct } = inner(`FROM a\n${instruction}\n`);
    expect(parseTrigger(onbuild.trigger, file).instruction).toMatchObject(direct);
  });

  it('L-048 reads what ONBUILD has kept, heredocs included', () => {
    const text = 'FROM a\nONBUILD RUN cat <<A <<-B\n1\nA\n\t2\n\tB\n';
    const [onbuild] = parseDockerfile(text, 'Dockerfile').stages[0]!.instructions;
    if (onbuild?.kind !== 'onbuild') throw new Error('not ONBUILD');
    const { instruction } = parseTrigger(onbuild.trigger, file);
    expect(instruction).toMatchObject({
      kind: 'run',
      command: {
        heredocs: [
          { name: 'A', content: '1\n' },
          { name: 'B', content: '2\n', raw: '\t2\n' },
        ],
      },
    });
  });

  it('L-012 marks the words of a trigger', () => {
    expect(() => parseTrigger('COPY --form=x . /app', file)).toThrow(
      expect.objectContaining({
        at: {
          file,
          range: { startLine: 1, endLine: 1, startColumn: 5, endColumn: 13 },
          lines: ['COPY --form=x . /app'],
        },
      }),
    );
  });

  it.each([
    ['FROM x', "FROM isn't allowed"],
    ['', 'is empty'],
    ['# only a comment', 'is empty'],
    ['RNU a', 'unknown instruction'],
    ['RUN a\nRUN b', 'single instruction'],
    ['COPY a', 'at least two arguments'],
  ])('L-202 refuses %j: %s', (text, message) => {
    let error: unknown;
    try {
      parseTrigger(text, file);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TsbuildError);
    expect(error).toMatchObject({ code: 'DOCKERFILE_SYNTAX', at: { file } });
    expect((error as TsbuildError).message).toContain(message);
  });
});
