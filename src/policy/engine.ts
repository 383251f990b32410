import { redactUrl, TsbuildError } from '../core/index.ts';
import { compileRegex } from './regex.ts';
import { expandTemplate } from './template.ts';
import { compileWildcard } from './wildcard.ts';
import type { Constraint, PolicyRule, Selector, SourceOperation, SourcePolicy, Updates } from './types.ts';

/** As BuildKit bounds it: more conversions than that of one source are a circle. */
const maxConversions = 20;

/** Returns the source as the rules leave it. Throws POLICY_DENIED, and POLICY_INVALID for rules that go round in circles. */
export type Evaluate = (source: SourceOperation) => SourceOperation;

interface CompiledRule {
  readonly rule: PolicyRule;
  /** `rule 2 of policy.json (DENY docker-image://*)`. */
  readonly name: string;
  readonly matches: (source: SourceOperation) => boolean;
  /** The identifier filled in. */
  readonly target: (identifier: string) => string;
}

/**
 * BuildKit's evaluation (`sourcepolicy/engine.go`): the policies one after the other, of each the rules in order. Of ALLOW
 * and DENY the last that matches counts; a CONVERT that changes something ends the round at once, and what it made is
 * looked at anew from the first policy on. What no rule matches is allowed. Throws POLICY_INVALID for patterns that
 * are none.
 */
export function createEngine(policies: readonly SourcePolicy[]): Evaluate {
  const compiled = policies.map(({ name, rules }) =>
    rules.map((rule, index) => compileRule(rule, name, index)),
  );
  return (source) => {
    let current = source;
    for (let round = 0; round <= maxConversions; round++) {
      const next = converted(compiled, current);
      if (next === undefined) return current;
      current = next;
    }
    throw new TsbuildError(
      'POLICY_INVALID',
      `the source policy converts ${redactUrl(source.identifier)} more than ${maxConversions} times`,
      { hint: 'its CONVERT rules lead from one to the other in a circle' },
    );
  };
}

function converted(
  policies: readonly (readonly CompiledRule[])[],
  source: SourceOperation,
): SourceOperation | undefined {
  for (const rules of policies) {
    let denied: CompiledRule | undefined;
    for (const compiled of rules) {
      if (!compiled.matches(source)) continue;
      const { action, updates } = compiled.rule;
      if (action === 'CONVERT') {
        const next = applied(compiled, source, updates);
        if (next !== undefined) return next;
      } else denied = action === 'DENY' ? compiled : undefined;
    }
    if (denied !== undefined) throw refused(source, denied);
  }
  return undefined;
}

function applied(
  { target }: CompiledRule,
  source: SourceOperation,
  updates: Updates | undefined,
): SourceOperation | undefined {
  const made = target(source.identifier);
  const identifier = made === '' ? source.identifier : made;
  const changes = Object.entries(updates?.attrs ?? {}).filter(([key, value]) => source.attrs[key] !== value);
  if (identifier === source.identifier && changes.length === 0) return undefined;
  return { identifier, attrs: { ...source.attrs, ...Object.fromEntries(changes) } };
}

function compileRule(rule: PolicyRule, policy: string, index: number): CompiledRule {
  const { selector, action } = rule;
  const name = `rule ${index + 1} of ${policy} (${action} ${redactUrl(selector.identifier)})`;
  const template = rule.updates?.identifier ?? '';
  const constraints = selector.constraints.map(compileConstraint);
  const { matches, format } = compileSelector(selector);
  return {
    rule,
    name,
    matches: ({ identifier, attrs }) =>
      constraints.every((holds) => holds(attrs)) &&
      (identifier === selector.identifier || matches(identifier)),
    // BuildKit takes the selector for a template then, which leaves a literal `*` in the name.
    target: (identifier) => (template === '' ? identifier : format(identifier, template)),
  };
}

function compileSelector({ identifier, matchType }: Selector): {
  readonly matches: (text: string) => boolean;
  readonly format: (text: string, template: string) => string;
} {
  switch (matchType) {
    case 'EXACT':
      return { matches: () => false, format: (_text, template) => template };
    case 'REGEX': {
      const regex = compileRegex(identifier);
      return { matches: regex.matches, format: regex.replace };
    }
    case 'WILDCARD': {
      const match = compileWildcard(identifier);
      const format = (text: string, template: string): string => {
        const taken = match(text);
        return taken === undefined ? text : expandTemplate(template, { groups: [text, ...taken], named: {} });
      };
      return { matches: (text) => match(text) !== undefined, format };
    }
  }
}

function compileConstraint({
  key,
  value,
  condition,
}: Constraint): (attrs: SourceOperation['attrs']) => boolean {
  const valueIn = (attrs: SourceOperation['attrs']): string =>
    (Object.hasOwn(attrs, key) ? attrs[key] : '') ?? '';
  switch (condition) {
    case 'EQUAL':
      return (attrs) => valueIn(attrs) === value;
    case 'NOTEQUAL':
      return (attrs) => valueIn(attrs) !== value;
    case 'MATCHES': {
      const regex = compileRegex(value);
      return (attrs) => regex.matches(valueIn(attrs));
    }
  }
}

function refused({ identifier }: SourceOperation, { name }: CompiledRule): TsbuildError {
  return new TsbuildError('POLICY_DENIED', `${redactUrl(identifier)} is denied by ${name}`, {
    hint: 'take another source, or let an ALLOW rule for this one follow',
  });
}
