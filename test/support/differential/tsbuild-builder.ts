import { tsbuild } from '../cli.ts';
import type { Builder } from './builder.ts';

/** The command line, with its store in `root`. */
export function tsbuildBuilder(root: string): Builder {
  const cli = tsbuild(root);
  return {
    name: 'tsbuild',
    importBase: (tar, name) => cli.ok(['import', tar, name]),
    async build({ context, file, tag, flags, env }) {
      const args = ['build', '-t', tag, ...flags];
      if (file !== undefined) args.push('-f', file);
      const { status, stderr } = await cli.run([...args, '.'], { cwd: context, env });
      if (status === 0) return undefined;
      // Never as a defect of ours: somebody's mistake has a code and a place.
      if (status !== 3 && status !== 4) throw new Error(`tsbuild ended with ${status}:\n${stderr}`);
      return /^tsbuild: (.*)$/m.exec(stderr)?.[1] ?? stderr;
    },
    save: (name, archive) => cli.ok(['save', '-o', archive, name]),
  };
}
