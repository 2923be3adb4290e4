/** Whether the fields and groups that a condition names exist, and are of the right kind. */
import type { ConditionNode, MeasureNode, NameNode } from './ast.ts';
import { measuresOf } from './ast.ts';
import { isNumericField } from './fields.ts';
import { suggest } from './nearest.ts';
import type { Fault } from './problem.ts';

interface Names {
  readonly entity: readonly string[];
  /** Every field that may be named, numbers included. */
  readonly fields: readonly string[];
}

function isDimension(name: string): boolean {
  return !isNumericField(name);
}

/** A field that is used where only a dimension can be. `use` completes "..., which cannot be ...". */
export function dimensionFault(node: NameNode, fields: readonly string[], use: string): Fault | null {
  const { name, at } = node;
  const dimensions = fields.filter(isDimension);
  if (!fields.includes(name)) {
    const suggestion = `${suggest(name, dimensions, 'Fields are')} A column of another name must be named in "columns".`;
    return { message: `There is no field "${name}".`, at, suggestion };
  }
  if (!isDimension(name))
    return { message: `"${name}" holds numbers, which cannot be ${use}.`, at, suggestion: `Fields that can: ${dimensions.join(', ')}.` };
  return null;
}

/** The first of them that occurs before. */
export function repeated(nodes: readonly NameNode[]): NameNode | null {
  return nodes.find((node, index) => nodes.findIndex((other) => other.name === node.name) < index) ?? null;
}

function groupFaults(group: readonly NameNode[], { entity, fields }: Names): Fault[] {
  const twice = repeated(group);
  if (twice !== null) return [{ message: `"${twice.name}" stands twice in the group.`, at: twice.at, suggestion: 'Name each field once.' }];
  return group.flatMap((node) => {
    if (entity.includes(node.name)) return [];
    const isField = fields.includes(node.name);
    const message = isField
      ? `"${node.name}" is no part of the entity (${entity.join(', ')}), so it is no group.`
      : `There is no group "${node.name}".`;
    return [{ message, at: node.at, suggestion: suggest(node.name, entity, 'A group is a part of the entity') }];
  });
}

function measureFaults(measure: MeasureNode, names: Names): Fault[] {
  const faults = measure.group === null ? [] : groupFaults(measure.group, names);
  if (measure.kind === 'distinct') {
    const fault = dimensionFault(measure.of, names.fields, 'counted by distinct()');
    if (fault !== null) faults.push(fault);
  }
  for (const test of measure.where) {
    const fault = test.kind === 'text' ? dimensionFault(test.field, names.fields, 'tested as a name') : null;
    if (fault !== null) faults.push(fault);
  }
  return faults;
}

export function checkNames(node: ConditionNode, names: Names): Fault[] {
  const faults = measuresOf(node).flatMap((measure) => measureFaults(measure, names));
  if (node.kind === 'compare' || faults.length > 0) return faults;
  return groupFaults(node.cohort, names);
}
