import { Command, Option } from 'commander';
import { Failure } from '../../control/failure.js';
import { type Gre, Lab, type LabOptions } from '../../control/lab/lab.js';
import { DEFAULT_NAME, DEFAULT_STATE } from '../../control/lab/layout.js';
import { describeLab } from '../../control/lab/status.js';

function command(name: string, description: string): Command {
  return new Command(name)
    .summary(description)
    .description(`${description[0]!.toUpperCase()}${description.slice(1)}.`)
    .option('--name <name>', 'the lab; its namespaces are NAME-attacker, NAME-router and NAME-gateway', DEFAULT_NAME)
    .option('--state <folder>', 'where the files of labs are', DEFAULT_STATE);
}

/** potemkin lab: an attacker, a telescope's router and a gateway in network namespaces. */
export function lab(): Command {
  const up = command('up', 'makes the lab, unless it is there')
    .addOption(
      new Option('--gre <who>', "who is the router's end of the tunnel: a process of ours, or its kernel")
        .choices(['process', 'kernel'])
        .default('process'),
    )
    .action(async ({ gre, ...options }: LabOptions & { gre: Gre }) => {
      const lab = new Lab(options);
      const end = () => {
        lab.down();
        process.exit(130);
      };
      process.once('SIGINT', end).once('SIGTERM', end);
      const made = await lab.up(gre);
      process.off('SIGINT', end).off('SIGTERM', end);
      console.log(made ? `lab ${lab.name} is up now` : `lab ${lab.name} was up already`);
      console.log(await describeLab(lab));
    });
  const down = command('down', 'removes the lab and all that belongs to it')
    .option('--force', 'even if somebody works with it')
    .action(({ force, ...options }: LabOptions & { force?: true }) => {
      const lab = new Lab(options);
      const { owner } = lab;
      if (owner && !force)
        throw new Failure(`process ${owner.pid} works with lab ${lab.name}; --force removes it anyway`);
      const was = lab.exists;
      lab.down();
      console.log(was ? `lab ${lab.name} is gone` : `there was no lab ${lab.name}`);
    });
  const status = command('status', 'tells what there is of the lab; the exit status is 1 if it is not up').action(
    async (options: LabOptions) => {
      const lab = new Lab(options);
      console.log(await describeLab(lab));
      if (!lab.isUp) process.exitCode = 1;
    },
  );
  return new Command('lab')
    .summary('makes an attacker, a router and a gateway in network namespaces, to try it all on one machine')
    .description(
      `The lab: an attacker (198.51.100.1 to .50), the router of a telescope (10.99.0.0/16) and a gateway, joined by virtual Ethernet, each in a network namespace of its own. The host's own interfaces, routes and sysctls are not touched. It needs root.`,
    )
    .addCommand(up)
    .addCommand(down)
    .addCommand(status)
    .addHelpText(
      'after',
      `
Examples:
  potemkin lab up
  potemkin run config/farm.click --netns potemkin-gateway &
  ip netns exec potemkin-attacker ping 10.99.1.2
  potemkin lab down`,
    );
}
