import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { projectRoot } from '../support/paths.ts';

it('exports from the library what is listed here, and nothing else', () => {
  const index = join(projectRoot, 'src/index.ts');
  const { config } = ts.readConfigFile(join(projectRoot, 'tsconfig.json'), (path) =>
    ts.sys.readFile(path),
  ) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, projectRoot);
  const program = ts.createProgram([index], options);
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(index);
  const symbol = file && checker.getSymbolAtLocation(file);
  const names = (symbol ? checker.getExportsOfModule(symbol) : []).map((exported) => {
    const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    return `${target.flags & ts.SymbolFlags.Value ? 'value' : 'type'} ${exported.name}`;
  });
  expect(names.sort().join('\n')).toMatchSnapshot();
});
