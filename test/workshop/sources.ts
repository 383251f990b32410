import { globSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import ts from 'typescript';
import { projectRoot } from '../support/paths.ts';

export interface ImportOf {
  /** The importing file, relative to the project. */
  readonly file: string;
  /** `src/…` for our own files, else the package's or the `node:` module's name. */
  readonly target: string;
  readonly typeOnly: boolean;
}

/** The TypeScript files that match, relative to the project, sorted. */
export function sourceFiles(...patterns: string[]): string[] {
  return globSync(patterns, { cwd: projectRoot }).sort();
}

export function parse(file: string): ts.SourceFile {
  const text = readFileSync(join(projectRoot, file), 'utf8');
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
}

/** Every import, re-export and dynamic import of a file. */
export function importsOf(file: string): ImportOf[] {
  const found: ImportOf[] = [];
  const add = (name: string, typeOnly: boolean): void => {
    const target = name.startsWith('.') ? normalize(join(file, '..', name)) : packageName(name);
    found.push({ file, target, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      add(node.moduleSpecifier.text, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [name] = node.arguments;
      if (name && ts.isStringLiteral(name)) add(name.text, false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      if (ts.isStringLiteral(node.argument.literal)) add(node.argument.literal.text, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return found;
}

function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The rows of the markdown table below a heading, cell by cell, without head and rule. */
export function tableBelow(markdown: string, heading: string): string[][] {
  const section = markdown.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}
