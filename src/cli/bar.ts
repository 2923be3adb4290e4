/** A progress bar on a terminal: one line on stderr that is drawn over, with room for texts above it. */
import progress from 'cli-progress';

export interface Bar {
  update(value: number, total: number, text: string): void;
  /** A line above the bar. */
  say(text: string): void;
  /** Takes it away. */
  end(): void;
}

export function makeBar(title: string): Bar {
  const bars = new progress.MultiBar(
    {
      stream: process.stderr,
      format: `${title} [{bar}] {value}/{total} {text}`,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      barsize: 24,
      clearOnComplete: true,
      hideCursor: true,
      forceRedraw: true,
      linewrap: false,
      gracefulExit: false,
      autopadding: false,
      formatValue: (value, _, type) => (type === 'value' || type === 'total' ? value.toLocaleString('en-US') : String(value)),
    },
    progress.Presets.legacy,
  );
  const bar = bars.create(1, 0, { text: '' });
  return {
    update(value, total, text) {
      bar.setTotal(Math.max(1, total));
      bar.update(value, { text });
    },
    say: (text) => bars.log(`${text}\n`),
    end: () => bars.stop(),
  };
}
