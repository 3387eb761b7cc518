import t from 'tap';
import { Script } from '../../../src/elements/Script.js';
import { Printer } from '../../../src/pipeline/printer.js';
import { type Rig, rig } from '../rig.js';

interface Bench {
  readonly bench: Rig<Script>;
  /** What it printed since the last call. */
  printed(): string;
}

async function start(config: string): Promise<Bench> {
  const bench = rig(Script, config);
  let text = '';
  const printer = bench.engine.services.shared(Printer);
  printer.write = printer.writeOut = (more) => {
    text += more;
  };
  let count = 0;
  bench.engine.handlers.define('n', {
    read: () => String(count++),
    write: (value) => {
      count = Number(value);
    },
  });
  await bench.engine.start();
  bench.wait(0);
  const printed = () => {
    const all = text;
    text = '';
    return all;
  };
  return { bench, printed };
}

t.test('it prints, reads and writes', async (t) => {
  const { printed } = await start(`print n, print "n", write n 7, read n, print, printn 'a b', print $(add $(n) 10)`);
  t.equal(printed(), '0\nn\nn:\n7\n\na b18\n');
});

t.test('it waits for the clock, or for steps', async (t) => {
  const { bench, printed } = await start(
    'print 1, wait 1s, print 2, pause 2s, print 3, pause, print 4, pause 2, print 5',
  );
  t.equal(printed(), '1\n');
  bench.wait(0.9);
  t.equal(printed(), '');
  bench.wait(0.1);
  t.equal(printed(), '2\n');
  bench.wait(2);
  t.equal(printed(), '3\n');
  bench.wait(100);
  t.equal(printed(), '');
  const { step } = bench.element.handlers();
  step.write('');
  t.equal(printed(), '4\n');
  step.write('1');
  t.equal(printed(), '');
  step.write('1');
  t.equal(printed(), '5\n');
  t.throws(() => step.write('x'), { message: /expected a number of steps/ });
});

t.test('variables, arithmetic, jumps', async (t) => {
  const { printed } = await start(
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the script's
    'set x 0, label again, printn "$x ", set x $(add $x 1), goto again $(lt $x 4), print ${x}!, goto end, print never',
  );
  t.equal(printed(), '0 1 2 3 4!\n');
});

t.test('expressions', async (t) => {
  const { printed } = await start(
    `print '$(sub 10 2 3) $(mul 2 3) $(div 7 2) $(idiv 7 2) $(mod 7 4)', print "$(eq 10 0xA) $(le 9 8) $(lt abc abd) $(not $(ne 1 1)) $unknown $"`,
  );
  t.equal(printed(), '5 6 3.5 3 3\ntrue false true true $unknown $\n');
});

t.test('errors are reported, and the script goes on', async (t) => {
  const { bench, printed } = await start(
    'print nobody.count, print $(add x), write list 1, print $?, error oops, print never',
  );
  t.equal(printed(), '1\n');
  t.match(
    bench.events.map((event) => ('message' in event ? event.message : '')),
    ["No element named 'nobody'", "add takes numbers, not 'x'", "Handler 'list' read-only", 'oops'],
  );
});

t.test('a script that hangs is ended', async (t) => {
  const { bench } = await start('loop');
  t.match(bench.events, [{ kind: 'error', element: 'element', message: 'it jumped 1000 times without waiting' }]);
});

t.test('a passive script runs when it is read', async (t) => {
  const { bench, printed } = await start('print 5, return $(add 1 2), TYPE PASSIVE');
  t.equal(printed(), '');
  t.equal(bench.engine.handlers.read('element.run'), '3');
  bench.engine.handlers.write('element.run', '');
  t.equal(printed(), '5\n5\n');
});

t.test('stop ends the run', async (t) => {
  const { bench, printed } = await start('wait 3s, stop, print never');
  await bench.engine.run();
  t.equal(printed(), '');
  t.equal(bench.clock.now, 1_000_003);
});

t.test('what is not an instruction is an error', async (t) => {
  t.throws(() => rig(Script, 'jump x'), { message: /expected one of set, print.*, not 'jump'/ });
  t.throws(() => rig(Script, 'goto x'), { message: 'Script: there is no label x' });
  t.throws(() => rig(Script, 'label x, label x'), { message: 'Script: the label x is declared twice' });
  t.throws(() => rig(Script, 'wait long'), { message: /expected a time/ });
  t.throws(() => rig(Script, 'write'), { message: /write lacks its handler/ });
  t.throws(() => rig(Script, 'loop twice'), { message: /loop takes nothing/ });
  t.throws(() => rig(Script, 'read a b'), { message: /read takes one word/ });
});
