"""What every view of the API has: access by method, idempotent writes, and its place in the OpenAPI document."""

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.utils import OpenApiParameter
from drf_spectacular.views import SpectacularAPIView
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny

from mdm_project.api.errors import ErrorSerializer
from mdm_project.api.idempotency import HEADER, WRITES, IdempotentWrites
from mdm_project.api.permissions import Access


class ApiSchema(AutoSchema):
    """Adds what all operations share: the error answer, and Idempotency-Key on writes."""

    def get_override_parameters(self):
        if self.method not in WRITES:
            return []
        about = "Sent again with the same key, the request is not done again and gets the same answer."
        return [OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description=about)]

    def _get_response_bodies(self, direction="response"):
        responses = super()._get_response_bodies(direction)
        return responses | {"default": self._get_response_for_code(ErrorSerializer, "default", direction=direction)}


class ApiView(IdempotentWrites, GenericAPIView):
    """Base of all views; stands first among the bases. ``access`` maps HTTP methods to Access."""

    access: dict[str, Access] = {}
    schema = ApiSchema()


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, JSON unless YAML is asked for. It holds nothing that the source does not."""

    permission_classes = [AllowAny]
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer]
