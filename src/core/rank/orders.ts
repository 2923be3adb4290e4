/** The orders of a detector: conditions and patterns that rank alike share one. */
import type { Link } from '../link.ts';
import type { Measure } from '../measure.ts';
import type { State } from '../state.ts';
import type { Work } from '../work.ts';
import { CohortOrder, type RankLimits, rankLimits } from './cohort-order.ts';

export class Orders {
  private readonly made: CohortOrder[] = [];
  private readonly state: State;
  private readonly work: Work;
  private readonly limits: RankLimits;

  constructor(state: State, work: Work, limits = rankLimits) {
    this.state = state;
    this.work = work;
    this.limits = limits;
  }

  get all(): readonly CohortOrder[] {
    return this.made;
  }

  order(cohorts: Link, measure: Measure, via: Link | null): CohortOrder {
    const found = this.made.find(
      (order) =>
        order.cohorts === cohorts &&
        order.via === via &&
        order.measure.numerator === measure.numerator &&
        order.measure.denominator === measure.denominator,
    );
    if (found !== undefined) return found;
    const order = new CohortOrder(this.state, cohorts, measure, via, this.work, this.limits);
    this.made.push(order);
    return order;
  }
}
