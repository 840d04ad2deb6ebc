"""Results as FHIR resources (R5), plain JSON, always preliminary: only a clinician makes a report final."""

from __future__ import annotations

from typing import Any

from duomo.adapters import DomainResult, Payload, as_probability
from duomo.errors import GuardRefused
from duomo_medical.ecg_monitor import EcgVerdict
from duomo_medical.image_classify import ImageVerdict
from duomo_medical.tabular_risk import Risk

STATUS = "preliminary"
LOINC = {
    "rate": ("8867-4", "Heart rate", "/min"),
    "pr": ("8625-6", "P-R Interval", "ms"),
    "qrs": ("8633-0", "QRS duration", "ms"),
    "qt": ("8634-8", "Q-T interval", "ms"),
}
"""Code, name and UCUM unit of what an ECG gives."""

Resource = dict[str, Any]


def risk_assessment(result: DomainResult[Risk]) -> Resource:
    """A RiskAssessment. Raises `GuardRefused` for a result without payload, or without a calibrated probability."""
    risk = _payload(result)
    as_probability(result.score, "a RiskAssessment")
    return {
        **_head("RiskAssessment", result),
        "prediction": [
            {
                "outcome": {"text": risk.outcome},
                "probabilityDecimal": round(risk.probability, 4),
                "rationale": f"not ruled out at {risk.level:.0%}: {', '.join(risk.possible) or 'none'}",
            }
        ],
        "note": _notes(result),
    }


def observations(result: DomainResult[EcgVerdict]) -> list[Resource]:
    """An Observation for the heart rate and for each interval that was not refused; none for what was."""
    verdict = _payload(result)
    found = {"rate": verdict.rate_bpm, **verdict.intervals_ms}
    return [
        {
            **_head("Observation", result),
            "code": {"coding": [{"system": "http://loinc.org", "code": LOINC[name][0], "display": LOINC[name][1]}]},
            "valueQuantity": {
                "value": number,
                "unit": LOINC[name][2],
                "system": "http://unitsofmeasure.org",
                "code": LOINC[name][2],
            },
            "note": _notes(result),
        }
        for name, number in found.items()
        if number is not None
    ]


def diagnostic_report(result: DomainResult[ImageVerdict] | DomainResult[EcgVerdict]) -> Resource:
    """A DiagnosticReport that concludes nothing: it says what was measured and that a person must look."""
    verdict: Any = _payload(result)
    if isinstance(verdict, EcgVerdict):
        title, said = "ECG measurements", f"Rate: {verdict.rate_bpm or 'not measured'}; rhythm: {verdict.rhythm}."
    else:
        title = "Image classification"
        scale = "probability" if verdict.calibrated else "uncalibrated score"
        said = "; ".join(f"{each.name}: {scale} {each.score:.3f}" for each in verdict.labels[:5])
    return {
        **_head("DiagnosticReport", result),
        "code": {"text": title},
        "conclusion": f"PRELIMINARY, NOT REVIEWED. {said} {' '.join(each['text'] for each in _notes(result))}",
    }


def _payload(result: DomainResult[Any]) -> Any:
    if not isinstance(result.payload, Payload):
        raise GuardRefused(
            "a result without payload has nothing to export",
            why=f"it was stopped: {result.decision.reason if result.decision else 'no decision'}",
            fix="export results whose payload is there",
        )
    return result.payload


def _head(kind: str, result: DomainResult[Any]) -> Resource:
    """Identity and status; the subject is a pseudonym, which the receiver has to resolve."""
    return {
        "resourceType": kind,
        "id": result.id,
        "status": STATUS,
        "subject": {"identifier": {"system": "urn:duomo:pseudonym", "value": result.key}},
    }


def _notes(result: DomainResult[Any]) -> list[dict[str, str]]:
    decision = result.decision
    texts = [
        result.disclaimer,
        f"Human review: {result.human_review}.",
        f"Decision: {decision.outcome} ({decision.reason})." if decision else "",
        f"Made by {result.provenance.adapter} {result.provenance.adapter_version}"
        + (f" with {result.provenance.model}." if result.provenance.model else "."),
        *(f"{each.code}: {each.text}" for each in result.findings),
    ]
    return [{"text": text} for text in texts if text]
