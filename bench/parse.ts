import { parseArgs } from 'node:util';

import { checkDockerfile, parseDockerfile } from '../src/dockerfile/index.ts';
import { checkOptions } from '../test/support/check-options.ts';
import { planCase } from '../test/support/plan-text.ts';
import { median } from './measure.ts';

/** `node bench/parse.ts`: how long large Dockerfiles take to be read, checked and planned; see bench/README.md. */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });

/** 40 stages of 250 lines, each upon the one before: every kind of instruction, continuations, comments, variables. */
function manyLines(): string {
  const stage = (index: number): readonly string[] => [
    `FROM ${index === 0 ? 'base' : `s${index - 1}`} AS s${index}`,
    'ARG VERSION=1.0',
    ...Array.from({ length: 31 }, (_, part) => [
      `# part ${part}`,
      `ENV NAME_${part}="a value" OTHER_${part}=\${NAME_${part - 1}:-none}`,
      `RUN --mount=type=cache,target=/cache/${part} apt-get install --yes \\`,
      `    package-${part} \\`,
      `    "library-$VERSION" && \\`,
      '    rm -rf /var/lib/apt/lists/*',
      `COPY --chown=1000:1000 source-${part}/*.c /usr/src/${part}/`,
      `LABEL org.example.part.${part}="\${VERSION}"`,
    ]).flat(),
  ];
  const lines = Array.from({ length: 40 }, (_, index) => stage(index)).flat();
  return `${lines.join('\n')}\n`;
}

const inputs: Readonly<Record<string, string>> = {
  '10 000 lines': manyLines(),
  'one RUN of 1 MB': `FROM base\nRUN true${' && \\\n  echo "$NAME" some words'.repeat(38_000)}\n`,
  'one heredoc of 1 MB': `FROM base\nCOPY <<EOF /file\n${'a line with $NAME in it\n'.repeat(44_000)}EOF\n`,
  'one ENV of 1 MB': `FROM base\nENV A=b${Array.from({ length: 40_000 }, (_, i) => ` \\\n  NAME_${i}="a value"`).join('')}\n`,
};

for (const [name, text] of Object.entries(inputs)) {
  const times: Record<'read' | 'check' | 'plan', number[]> = { read: [], check: [], plan: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    const start = performance.now();
    const dockerfile = parseDockerfile(text, 'Dockerfile');
    const read = performance.now();
    checkDockerfile(dockerfile, checkOptions());
    const checked = performance.now();
    // It reads once more.
    await planCase(text);
    const planned = performance.now();
    times.read.push(read - start);
    times.check.push(checked - read);
    times.plan.push(planned - checked - (read - start));
  }
  const shown = Object.entries(times).map(([what, each]) => {
    const [first = NaN] = each;
    return `${what} ${median(each).toFixed(0)} ms (first ${first.toFixed(0)})`;
  });
  const lines = text.split('\n').length - 1;
  console.log(`${name} (${lines} lines, ${(text.length / 1e6).toFixed(1)} MB): ${shown.join(', ')}`);
}
