import { describe, expect, test } from 'vitest';
import { prepareDeploymentTools } from '../support/deployment-tools.ts';
import { missingTools, notes, render } from '../support/helm-chart.ts';
import { type Members, podOf, specOf } from '../support/kubernetes-objects.ts';

const tools = await prepareDeploymentTools();
const noHelm = missingTools(tools, ['helm']);

describe.skipIf(noHelm !== '')(`what surrounds the pods ${noHelm}`, () => {
  test('the load decides on the replicas, where it is to', () => {
    const objects = render(tools.helm, 'autoscaling');
    expect(specOf(objects, 'Deployment')).not.toHaveProperty('replicas');
    expect(specOf(objects, 'HorizontalPodAutoscaler')).toMatchObject({
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'gw-gatehouse' },
      minReplicas: 3,
      maxReplicas: 12,
      metrics: [{ resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } }],
    });
    expect(objects.filter(({ kind }) => kind === 'PodDisruptionBudget')).toHaveLength(1);
  });

  test('a network policy lets in and out what is named, and nothing else', () => {
    const spec = specOf(render(tools.helm, 'network-policy'), 'NetworkPolicy') as {
      readonly policyTypes: readonly string[];
      readonly ingress: readonly { readonly ports: readonly { readonly port: string }[] }[];
      readonly egress: readonly { readonly ports: readonly { readonly port: number }[] }[];
    };
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec.ingress.map(({ ports }) => ports.map(({ port }) => port))).toEqual([['http'], ['ops']]);
    expect(spec.ingress.every((rule) => 'from' in rule)).toBe(true);
    expect(spec.egress.map(({ ports }) => ports.map(({ port }) => port))).toEqual([
      [53, 53],
      [6379],
      [8080],
      [443],
      [8443],
    ]);
    expect(spec.egress.every((rule) => 'to' in rule)).toBe(true);
  });

  test('who asks is who may connect to what is asked', () => {
    const spec = specOf(render(tools.helm, 'forward-auth-traefik'), 'NetworkPolicy') as {
      readonly ingress: readonly Members[];
    };
    expect(spec.ingress.at(-1)).toEqual({
      ports: [
        { protocol: 'TCP', port: 'forward-auth' },
        { protocol: 'TCP', port: 'grpc' },
      ],
      from: [{ ipBlock: { cidr: '10.20.0.0/16' } }],
    });
  });

  test('an Ingress and an HTTPRoute lead to the public listener, TLS included', () => {
    const objects = render(tools.helm, 'entry');
    expect(specOf(objects, 'Service')).toMatchObject({
      type: 'LoadBalancer',
      ports: [{ name: 'http', port: 443, targetPort: 'http', appProtocol: 'https' }],
    });
    expect(podOf(objects).container.ports).toContainEqual({ name: 'http', containerPort: 8443 });
    const ingress = specOf(objects, 'Ingress') as { readonly rules: readonly Members[] };
    expect(ingress.rules).toHaveLength(2);
    expect(ingress.rules[0]).toMatchObject({
      host: 'api.example.com',
      http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'gw-gatehouse' } } }] },
    });
    expect(specOf(objects, 'HTTPRoute')).toMatchObject({
      rules: [{ backendRefs: [{ name: 'gw-gatehouse', port: 443 }] }],
    });
  });

  test('NOTES tell the next command', () => {
    const text = notes(tools.helm, 'embedded');
    for (const command of [
      'kubectl rollout status -n edge deploy/gw-gatehouse',
      'kubectl port-forward -n edge deploy/gw-gatehouse 8081:8081',
      'kubectl exec -n edge deploy/gw-gatehouse -- cat data/admin-token',
      'keys create --tenant TENANT --name',
      'explain GET https://HOST/PATH',
    ])
      expect(text).toContain(command);
    expect(text).not.toContain('WARNING');
  });
});
