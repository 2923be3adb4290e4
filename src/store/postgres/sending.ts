/**
 * Statements of one transaction on their way: each is sent without waiting for the answers of those before, as long as the
 * bytes under way stay bounded. So COMMIT can leave right behind them, and what must not be committed must fail on the server.
 */
import { sqlState } from './failure.ts';
import type { Parameter, Rows, Statements } from './session.ts';

const mostUnderWay = 8_000_000;
const divisionByZero = '22012';

/**
 * A statement that changes exactly `rows` rows, or fails by a division by zero: then the COMMIT behind it is a rollback.
 * `rows` is SQL, such as `1` or `$3`.
 */
export function exactly(rows: string, statement: string): string {
  return `with changed as (${statement} returning 1) select 1 / (count(*) = ${rows})::integer as passed from changed`;
}

/** `say` throws what the failure of `exactly` means. */
export async function orRefused(answer: Promise<Rows>, say: () => void): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (sqlState(error) === divisionByZero) say();
    throw error;
  }
}

export class Sending {
  readonly #statements: Pick<Statements, 'query'>;
  readonly #answers: Promise<unknown>[] = [];
  #underWay = 0;

  constructor(statements: Pick<Statements, 'query'>) {
    this.#statements = statements;
  }

  /** Resolves when there is room for more. `look` throws what the answer means, if it is not what it should be. */
  async send(text: string, parameters: readonly Parameter[], look?: (answer: Promise<Rows>) => Promise<void>): Promise<void> {
    const sent = this.#statements.query(text, parameters);
    const answer = look === undefined ? sent : look(sent);
    answer.catch(() => {});
    this.#answers.push(answer);
    this.#underWay += parameters.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 8), 0);
    if (this.#underWay < mostUnderWay) return;
    await answer;
    this.#underWay = 0;
  }

  /** Of all that was sent; rejects with the first failure, whose successors fail for nothing but this. */
  async answers(): Promise<void> {
    for (const answer of this.#answers) await answer;
  }
}
